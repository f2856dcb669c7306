"""Speech to turns with Flux (``/v2/listen``): the service decides when the user has finished."""

from __future__ import annotations

from typing import Any, Literal

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, LanguageCode, stt
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from speechwire.errors import InvalidArgument
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnEvent, TurnInfo
from speechwire.session import ListenSettings, ListenV2Session
from speechwire.transport import Transport

from ._arguments import (
    ApiKey,
    changes_of,
    check_names,
    check_tags,
    keyterms_of,
    listed,
    named_as,
    note_http_session,
    or_none,
    require_api_key,
)
from ._listening import SessionStream, SessionSTT, timed
from ._settings import listen_settings
from .log import logger
from .models import V2Models

__all__ = ["FluxRedaction", "STTv2", "SpeechStreamv2"]

FluxRedaction = Literal["numbers", "aggressive_numbers"]

_MULTILINGUAL = "flux-general-multi"


class STTv2(SessionSTT):
    """Deepgram's Flux for LiveKit Agents: use it with ``turn_detection="stt"``.

    Arguments and defaults are those of ``livekit.plugins.deepgram.STTv2``; ``docs/livekit.md`` says what
    became of each. Beyond them:

    Args:
        api_key: A key, or a callable, plain or async, asked for one at each connect.
        http_session: Not used; a warning says so.
        transport: How connections are made; by default all of an event loop share one.
        settings: Limits and deadlines, in place of those that follow from the connect options.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.

    Raises:
        ValueError: No key, or an argument out of its range; the message names it.
    """

    def __init__(
        self,
        *,
        model: V2Models | str = "flux-general-en",
        sample_rate: int = 16000,
        audio_chunk_duration_ms: int = 50,
        eager_eot_threshold: NotGivenOr[float] = NOT_GIVEN,
        eot_threshold: NotGivenOr[float] = NOT_GIVEN,
        eot_timeout_ms: NotGivenOr[int] = NOT_GIVEN,
        keyterm: NotGivenOr[str | list[str]] = NOT_GIVEN,
        tags: NotGivenOr[list[str]] = NOT_GIVEN,
        language_hint: NotGivenOr[list[str]] = NOT_GIVEN,
        api_key: NotGivenOr[ApiKey] = NOT_GIVEN,
        http_session: object | None = None,
        base_url: str = "wss://api.deepgram.com/v2/listen",
        mip_opt_out: bool = False,
        numerals: bool = False,
        profanity_filter: bool = False,
        redact: NotGivenOr[FluxRedaction] = NOT_GIVEN,
        keyterms: NotGivenOr[list[str]] = NOT_GIVEN,
        transport: Transport | None = None,
        settings: ListenSettings | None = None,
        allow_insecure: bool = False,
    ) -> None:
        note_http_session(http_session)
        self._api_key = require_api_key(api_key)
        self._transport = transport
        self._settings = settings
        self._allow_insecure = allow_insecure
        arguments: dict[str, Any] = {
            "model": model,
            "sample_rate": sample_rate,
            "chunk_ms": audio_chunk_duration_ms,
            "eager_eot_threshold": eager_eot_threshold,
            "eot_threshold": eot_threshold,
            "eot_timeout_ms": eot_timeout_ms,
            "keyterm": or_none(keyterms_of(keyterm, keyterms)) or [],
            "tags": check_tags(listed(tags)),
            "language_hint": listed(language_hint),
            "endpoint_url": base_url,
            "mip_opt_out": mip_opt_out,
            "numerals": numerals,
            "profanity_filter": profanity_filter,
            "redact": redact,
        }
        _check_chunk(audio_chunk_duration_ms)
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True,
                interim_results=True,
                aligned_transcript="word",
                offline_recognize=False,
                keyterms=True,
            ),
            arguments=arguments,
        )
        # Made once here for its checks: a bad argument raises here, not at the first audio.
        self._session(self._options(arguments), DEFAULT_API_CONNECT_OPTIONS)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechStreamv2:
        """Begin a stream; its connection is opened at once. The language is the model's."""
        return SpeechStreamv2(self, dict(self._arguments), conn_options)

    def update_options(
        self,
        *,
        model: NotGivenOr[V2Models | str] = NOT_GIVEN,
        sample_rate: NotGivenOr[int] = NOT_GIVEN,
        eager_eot_threshold: NotGivenOr[float] = NOT_GIVEN,
        eot_threshold: NotGivenOr[float] = NOT_GIVEN,
        eot_timeout_ms: NotGivenOr[int] = NOT_GIVEN,
        keyterm: NotGivenOr[str | list[str]] = NOT_GIVEN,
        mip_opt_out: NotGivenOr[bool] = NOT_GIVEN,
        numerals: NotGivenOr[bool] = NOT_GIVEN,
        profanity_filter: NotGivenOr[bool] = NOT_GIVEN,
        redact: NotGivenOr[FluxRedaction] = NOT_GIVEN,
        tags: NotGivenOr[list[str]] = NOT_GIVEN,
        language_hint: NotGivenOr[list[str]] = NOT_GIVEN,
        endpoint_url: NotGivenOr[str] = NOT_GIVEN,
        keyterms: NotGivenOr[list[str]] = NOT_GIVEN,
    ) -> None:
        """Change options, also of running streams, and return at once.

        Thresholds, keyterms and language hints change in band. Anything else brings a new connection, which
        takes over between two turns and loses nothing. ``sample_rate`` and ``endpoint_url`` hold from the
        next stream on.

        Raises:
            InvalidArgument: A value is out of its range; nothing changes.
        """
        self._change(
            changes_of(
                model=model,
                sample_rate=sample_rate,
                eager_eot_threshold=eager_eot_threshold,
                eot_threshold=eot_threshold,
                eot_timeout_ms=eot_timeout_ms,
                keyterm=keyterm,
                keyterms=keyterms,
                mip_opt_out=mip_opt_out,
                numerals=numerals,
                profanity_filter=profanity_filter,
                redact=redact,
                tags=tags,
                language_hint=language_hint,
                endpoint_url=endpoint_url,
            )
        )

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        raise NotImplementedError("Flux recognises streams only: use stream()")

    def _options(self, arguments: dict[str, Any]) -> ListenV2Options:
        model, hints = arguments["model"], arguments["language_hint"]
        if hints and model != _MULTILINGUAL:
            logger.warning("`language_hint` is only for `%s` and ignored for '%s'", _MULTILINGUAL, model)
            hints = []
        with named_as(tag="tags"):
            return ListenV2Options(
                model=model,
                sample_rate=arguments["sample_rate"],
                eager_eot_threshold=or_none(arguments["eager_eot_threshold"]),
                eot_threshold=or_none(arguments["eot_threshold"]),
                eot_timeout_ms=or_none(arguments["eot_timeout_ms"]),
                keyterm=arguments["keyterm"],
                tag=arguments["tags"],
                language_hint=hints,
                mip_opt_out=arguments["mip_opt_out"],
                numerals=arguments["numerals"] or None,
                profanity_filter=arguments["profanity_filter"] or None,
                redact=or_none(arguments["redact"]),
            )

    def _session(self, options: ListenV2Options, conn_options: APIConnectOptions) -> ListenV2Session:
        return ListenV2Session(
            self._api_key,
            options,
            base_url=self._arguments["endpoint_url"],
            transport=self._transport,
            settings=self._settings or listen_settings(conn_options),
            allow_insecure=self._allow_insecure,
        )


class SpeechStreamv2(SessionStream):
    """A stream of :class:`STTv2`: made by :meth:`STTv2.stream`."""

    def update_options(self, **changes: Any) -> None:
        """Change options of this stream alone; names and values are those of :meth:`STTv2.update_options`."""
        check_names(changes, self._arguments)
        self.change(changes_of(**changes))

    def _translate(self, event: Any) -> None:
        if not isinstance(event, TurnInfo):
            return
        if event.event in (TurnEvent.START_OF_TURN, TurnEvent.END_OF_TURN):
            self._begin_speech(_onset_s(event))
        if event.transcript and self._speaking:
            self._say(_KINDS.get(event.event, _INTERIM), event.request_id, [self._data(event)])
        if event.event == TurnEvent.END_OF_TURN:
            self._end_speech(_end_s(event))

    def _data(self, turn: TurnInfo) -> stt.SpeechData:
        words, offset_s = turn.words, self.start_time_offset
        languages = [LanguageCode(language) for language in turn.languages]
        return stt.SpeechData(
            language=languages[0] if languages else LanguageCode("en"),
            text=turn.transcript,
            start_time=turn.audio_window_start + offset_s,
            end_time=turn.audio_window_end + offset_s,
            confidence=sum(word.confidence for word in words) / len(words) if words else 0.0,
            words=timed(words, [word.word for word in words], offset_s),
            source_languages=languages or None,
        )


_INTERIM = stt.SpeechEventType.INTERIM_TRANSCRIPT
_KINDS: dict[str, stt.SpeechEventType] = {
    TurnEvent.EAGER_END_OF_TURN: stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
    TurnEvent.END_OF_TURN: stt.SpeechEventType.FINAL_TRANSCRIPT,
}


def _onset_s(turn: TurnInfo) -> float:
    """When the first word began; without word times, how far the audio has been heard."""
    start_s = turn.words[0].start if turn.words else None
    return turn.audio_window_end if start_s is None else start_s


def _end_s(turn: TurnInfo) -> float:
    """When the last word ended; without word times, how far the audio has been heard."""
    end_s = turn.words[-1].end if turn.words else None
    return turn.audio_window_end if end_s is None else end_s


def _check_chunk(chunk_ms: object) -> None:
    if isinstance(chunk_ms, bool) or not isinstance(chunk_ms, int) or not 1 <= chunk_ms <= 10_000:
        raise InvalidArgument("audio_chunk_duration_ms", chunk_ms, "a whole number from 1 to 10000")
