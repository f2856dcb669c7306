"""Speech to text with Nova and older models (``/v1/listen``)."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.stt_latency import DEEPGRAM_TTFS_P99
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from speechwire.protocol import DEFAULT_BASE_URL, ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.session import ListenSettings, ListenV1Session

from ._listening import ApiKey, ListeningService
from ._options import language_of, listed, listen_v1_options, websocket_url
from ._private import speaker, warn_of_moved_argument
from .settings import SpeechwireSTTSettings

__all__ = ["SpeechwireSTTService"]

_CHECKED_RATE = 16_000
_ARGUMENTS_OF_LIVE_OPTIONS = frozenset(
    {
        "sample_rate",
        "encoding",
        "channels",
        "multichannel",
        "callback",
        "callback_method",
        "tag",
        "mip_opt_out",
    }
)


class SpeechwireSTTService(ListeningService):
    """Deepgram Nova for Pipecat, in the place of ``DeepgramSTTService``.

    Pushes ``InterimTranscriptionFrame`` and ``TranscriptionFrame``, whose ``result`` is a
    :class:`speechwire.protocol.listen_v1_events.Results`. The end of speech that a voice activity detection
    reports asks for the final transcript, which is then marked as finalized. A lost connection is replaced
    and the audio no final result covers is sent again.

    Args:
        api_key: Deepgram API key, or a callable, plain or async, asked for one at each connect.
        base_url: Where the service is; a host, or a URL.
        encoding: Of the audio in the pipeline's frames.
        channels: Interleaved in the audio.
        multichannel: One series of results per channel.
        sample_rate: Hz; by default the pipeline's.
        callback: URL the results go to.
        callback_method: HTTP method for the callback.
        tag: Label for the usage report, or several.
        mip_opt_out: Keep the audio out of the model improvement program.
        live_options: Deprecated; an object with ``to_dict()``, as Pipecat's ``LiveOptions``.
        addons: Further query parameters by name; those that are options are checked as such.
        settings: What differs from the defaults, which are those of ``DeepgramSTTService``.
        ttfs_p99_latency: Seconds from the end of speech to the final transcript, for the turn strategies.
        session_settings: Limits and deadlines of the sessions.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        **kwargs: Those of ``STTService``.

    Raises:
        InvalidArgument: A value is out of its range. It is a ``ValueError``.
        InvalidArgumentType: A value has the wrong type. It is a ``TypeError``.
    """

    Settings = SpeechwireSTTSettings

    def __init__(
        self,
        *,
        api_key: ApiKey,
        base_url: str = "",
        encoding: str = "linear16",
        channels: int = 1,
        multichannel: bool = False,
        sample_rate: int | None = None,
        callback: str | None = None,
        callback_method: str | None = None,
        tag: Any | None = None,
        mip_opt_out: bool | None = None,
        live_options: Any | None = None,
        addons: dict[str, Any] | None = None,
        settings: SpeechwireSTTSettings | None = None,
        ttfs_p99_latency: float | None = DEEPGRAM_TTFS_P99,
        session_settings: ListenSettings | None = None,
        allow_insecure: bool = False,
        **kwargs: Any,
    ) -> None:
        fixed = {
            "encoding": encoding,
            "channels": channels,
            "multichannel": multichannel,
            "callback": callback,
            "callback_method": callback_method,
            "tag": tag,
            "mip_opt_out": mip_opt_out,
        }
        chosen = _defaults()
        old = {} if live_options is None else live_options.to_dict()
        if settings is None and old:
            sample_rate = sample_rate or old.get("sample_rate")
            fixed |= {name: old[name] for name in _ARGUMENTS_OF_LIVE_OPTIONS & old.keys()}
            rest = {name: value for name, value in old.items() if name not in _ARGUMENTS_OF_LIVE_OPTIONS}
            chosen.apply_update(SpeechwireSTTSettings.from_mapping(rest))
        if settings is not None:
            chosen.apply_update(_as_delta(settings))
        super().__init__(
            sample_rate=sample_rate,
            ttfs_p99_latency=ttfs_p99_latency,
            settings=chosen,
            session_settings=session_settings,
            **kwargs,
        )
        if live_options is not None:
            warn_of_moved_argument(self, "live_options")
        fixed.pop("sample_rate", None)
        self._api_key = api_key
        self._base_url = websocket_url(base_url) if base_url else DEFAULT_BASE_URL
        self._fixed = fixed | (addons or {})
        self._allow_insecure = allow_insecure
        self._new_session(sample_rate or _CHECKED_RATE)  # for its checks: a bad argument raises here

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Process a frame; the end of speech asks for the final transcript."""
        await super().process_frame(frame, direction)
        session = self._session
        if isinstance(frame, VADUserStoppedSpeakingFrame) and session is not None and not session.closed:
            self.request_finalize()
            session.flush()

    def make_session(self) -> ListenV1Session:
        """Make a session from the settings."""
        return self._new_session(self.sample_rate)

    async def bring(self, changed: dict[str, Any]) -> None:
        """Keyterms by ``Configure``, the rest by another connection between utterances."""
        options = self._options(self.sample_rate)
        session = self._session
        if session is None:
            return
        if changed.keys() == {"keyterm"} and options.takes_keyterms:
            await session.configure(keyterms=list(listed(options.keyterm)))
        else:
            await session.reopen(options)

    async def take(self, event: Any) -> None:
        """Push a result's text."""
        if not isinstance(event, Results):
            return
        if event.is_final:
            await self._take_final(event)
        elif event.transcript:
            await self.push_frame(self._frame(InterimTranscriptionFrame, event))

    async def _take_final(self, results: Results) -> None:
        if results.from_finalize:
            self.confirm_finalize()
        if results.transcript:
            await self.emit_stt_usage_metrics()  # before the frame, which ends the span that carries it
            frame = self._frame(TranscriptionFrame, results)
            await self.push_frame(frame)
            await self._handle_transcription(frame.text, True, frame.language)
        elif results.from_finalize:  # the text came in an earlier final
            await self.stop_ttfb_metrics()

    def _frame(self, kind: Any, results: Results) -> Any:
        languages = results.channel.alternatives[0].languages
        language: Language | None = language_of(languages[0]) if languages else None
        return kind(results.transcript, speaker(self), time_now_iso8601(), language, result=results)

    async def _update_settings(self, delta: Any) -> dict[str, Any]:
        return await super()._update_settings(_as_delta(delta))

    def _new_session(self, sample_rate: int) -> ListenV1Session:
        return ListenV1Session(
            self._api_key,
            self._options(sample_rate),
            base_url=self._base_url,
            settings=self._limits,
            allow_insecure=self._allow_insecure,
        )

    def _options(self, sample_rate: int) -> ListenV1Options:
        return listen_v1_options(self.settings, sample_rate, self._fixed)


def _defaults() -> SpeechwireSTTSettings:
    return SpeechwireSTTSettings(
        model="nova-3-general",
        language=Language.EN,
        detect_entities=False,
        diarize=False,
        dictation=False,
        endpointing=None,
        interim_results=True,
        keyterm=None,
        keywords=None,
        numerals=False,
        profanity_filter=None,
        punctuate=True,
        redact=None,
        replace=None,
        search=None,
        smart_format=False,
        utterance_end_ms=None,
        version=None,
    )


def _as_delta(settings: Any) -> SpeechwireSTTSettings:
    """Settings of Pipecat's own service or of this one, as those of this one."""
    delta = SpeechwireSTTSettings()
    delta.apply_update(settings)
    return delta.with_extra_in_fields()
