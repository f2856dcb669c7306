"""Speech to text with Flux (``/v2/listen``), Deepgram's model that knows when a turn ends."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from loguru import logger
from pipecat.frames.frames import (
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    STTMetadataFrame,
    TranscriptionFrame,
)
from pipecat.transcriptions.language import Language
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin
from pipecat.utils.time import time_now_iso8601

from speechwire.audio import PcmPipeline
from speechwire.errors import SessionClosed
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenSettings, ListenV2Session

from ._listening import ApiKey, ListeningService
from ._options import FLUX_RATES, language_hints, language_of, listed, listen_v2_options, websocket_url
from ._private import (
    announce,
    clear_eager_end_of_turn,
    push_eager_end_of_turn,
    register_events,
    speaker,
    warn_of_moved_argument,
    withdraw_eager_end_of_turn,
)
from .settings import SpeechwireFluxSTTSettings

__all__ = ["SpeechwireFluxSTTService"]

_DEFAULT_EAGER_EOT_THRESHOLD = 0.5
_RATE = 16_000
_CHUNK_MS = 80  # what Deepgram advises
_EVENTS = ("on_start_of_turn", "on_turn_resumed", "on_end_of_turn", "on_eager_end_of_turn", "on_update")
_IN_BAND = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms", "numerals")
_CONFIGURED = {"keyterm": "keyterms"}
_LOCAL = frozenset({"min_confidence", "language"})


@dataclass
class InputParams:
    """What ``DeepgramFluxSTTService.InputParams`` has; deprecated there in favour of ``Settings``."""

    eager_eot_threshold: float | None = None
    eot_threshold: float | None = None
    eot_timeout_ms: int | None = None
    keyterm: list[str] = field(default_factory=list)
    mip_opt_out: bool | None = None
    tag: list[str] = field(default_factory=list)
    min_confidence: float | None = None


class SpeechwireFluxSTTService(EagerEndOfTurnSTTServiceMixin, ListeningService):
    """Deepgram Flux for Pipecat, in the place of ``DeepgramFluxSTTService``.

    Proposes the start and the end of the user's turns, with the turn strategies for it; pushes
    ``InterimTranscriptionFrame`` for each update and one finalized ``TranscriptionFrame`` for each turn,
    whose ``result`` is the message as a dict. A dropped connection is replaced and what no result covers is
    sent again, so that a turn continues over several connections and is reported once.

    Args:
        api_key: Deepgram API key, or a callable, plain or async, asked for one at each connect.
        url: Where the service is.
        sample_rate: Hz of the audio; by default the pipeline's. What Flux does not take is made 16 kHz.
        mip_opt_out: Keep the audio out of the model improvement program.
        model: Deprecated; a setting.
        flux_encoding: Of the audio in the pipeline's frames.
        tag: Labels for the usage report.
        params: Deprecated; settings.
        should_interrupt: Whether the start of a turn interrupts the bot, with the recommended strategies.
        watchdog_min_timeout: When no audio comes in the middle of a turn, this is how many seconds it takes
            until Flux is given silence, since a turn only ends by audio.
        enable_eager_end_of_turn: Have a predicted end of turn answered ahead of time.
        settings: What differs from the defaults, which are those of ``DeepgramFluxSTTService``.
        chunk_ms: Length of the chunks sent.
        session_settings: Limits and deadlines of the sessions.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        **kwargs: Those of ``STTService``, and ``eager_match_policy``.

    Raises:
        InvalidArgument: A value is out of its range. It is a ``ValueError``.
        InvalidArgumentType: A value has the wrong type. It is a ``TypeError``.

    Events: ``on_start_of_turn(service, transcript)``, ``on_turn_resumed(service)``,
    ``on_eager_end_of_turn(service, transcript)``, ``on_end_of_turn(service, transcript)``,
    ``on_update(service, transcript)``.
    """

    Settings = SpeechwireFluxSTTSettings
    InputParams = InputParams

    def __init__(
        self,
        *,
        api_key: ApiKey,
        url: str = "wss://api.deepgram.com/v2/listen",
        sample_rate: int | None = None,
        mip_opt_out: bool | None = None,
        model: str | None = None,
        flux_encoding: str = "linear16",
        tag: list[str] | None = None,
        params: Any | None = None,
        should_interrupt: bool = True,
        watchdog_min_timeout: float = 0.5,
        enable_eager_end_of_turn: bool = False,
        settings: SpeechwireFluxSTTSettings | None = None,
        chunk_ms: int = _CHUNK_MS,
        session_settings: ListenSettings | None = None,
        allow_insecure: bool = False,
        **kwargs: Any,
    ) -> None:
        chosen = _defaults(model)
        if params is not None and settings is None:
            tag, mip_opt_out = tag or list(params.tag) or None, _first(params.mip_opt_out, mip_opt_out)
            _apply(params, chosen)
        if settings is not None:
            chosen.apply_update(settings)
        if enable_eager_end_of_turn and chosen.eager_eot_threshold is None:
            chosen.eager_eot_threshold = _DEFAULT_EAGER_EOT_THRESHOLD
        super().__init__(
            sample_rate=sample_rate,
            enable_eager_end_of_turn=enable_eager_end_of_turn,
            settings=chosen,
            session_settings=dataclasses.replace(
                session_settings or ListenSettings(), pause_after_s=watchdog_min_timeout
            ),
            **kwargs,
        )
        for name, value in {"model": model, "params": params}.items():
            if value is not None:
                warn_of_moved_argument(self, name)
        register_events(self, _EVENTS)
        self._api_key = api_key
        self._url = websocket_url(url)
        self._fixed = {"encoding": flux_encoding, "mip_opt_out": mip_opt_out, "tag": listed(tag)}
        self._should_interrupt = should_interrupt
        self._chunk_ms = chunk_ms
        self._allow_insecure = allow_insecure
        self._new_session(sample_rate or _RATE)  # for its checks: a bad argument raises here

    def end_turn(self) -> None:
        """Ask Flux to end the open turn (``ForceEndTurn``), behind the audio so far; returns at once."""
        session = self._session
        if session is not None:
            with suppress(SessionClosed):  # whoever reads its events says why
                session.flush()

    @property
    def supports_ttfs(self) -> bool:
        """Whether there is a time from the end of speech to the final text: no, Flux decides both at once."""
        return False

    def service_metadata_frame(self) -> STTMetadataFrame:
        """Recommend the turn strategies that leave the turns to Flux."""
        frame = super().service_metadata_frame()
        frame.user_turn_strategies = self.recommended_user_turn_strategies(
            enable_interruptions=self._should_interrupt
        )
        return frame

    def make_session(self) -> ListenV2Session:
        """Make a session from the settings."""
        return self._new_session(self.sample_rate)

    async def bring(self, changed: dict[str, Any]) -> None:
        """By ``Configure`` what Flux takes that way, by another connection between turns the rest."""
        options = self._options(self.sample_rate)
        session, names = self._session, changed.keys() - _LOCAL
        if session is None or not names:
            return
        values = _as_configured(self.settings)
        if names <= values.keys():
            await session.configure(**{_CONFIGURED.get(name, name): values[name] for name in names})
        else:
            await session.reopen(options)

    async def take(self, event: Any) -> None:
        """Push what a turn has come to."""
        if not isinstance(event, TurnInfo):
            return
        match event.event:
            case "StartOfTurn":
                await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
                await announce(self, "on_start_of_turn", event.transcript)
            case "Update":
                await self._take_update(event)
            case "EagerEndOfTurn":
                language, result = self._language(event), msgspec.to_builtins(event)
                await push_eager_end_of_turn(self, event.transcript, language, result)
                await announce(self, "on_eager_end_of_turn", event.transcript)
            case "TurnResumed":
                await withdraw_eager_end_of_turn(self)
                await announce(self, "on_turn_resumed")
            case "EndOfTurn":
                await self._take_end(event)

    async def _take_update(self, turn: TurnInfo) -> None:
        if turn.transcript:
            await self.push_frame(self._frame(InterimTranscriptionFrame, turn))
            await announce(self, "on_update", turn.transcript)

    async def _take_end(self, turn: TurnInfo) -> None:
        clear_eager_end_of_turn(self)
        if self._is_believed(turn):
            await self.emit_stt_usage_metrics()  # before the frame, which ends the span that carries it
            await self.push_frame(self._frame(TranscriptionFrame, turn, finalized=True))
        await self._handle_transcription(turn.transcript, True, self._language(turn))
        await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)
        await announce(self, "on_end_of_turn", turn.transcript)

    def _is_believed(self, turn: TurnInfo) -> bool:
        least: float | None = self.settings.min_confidence
        if not least:
            return True
        words = turn.words
        confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
        if confidence <= least:
            logger.warning(f"{self}: a turn of a confidence of {confidence:.2f} is not transcribed")
        return confidence > least

    def _frame(self, kind: Any, turn: TurnInfo, **more: Any) -> Any:
        return kind(
            turn.transcript,
            speaker(self),
            time_now_iso8601(),
            self._language(turn),
            result=msgspec.to_builtins(turn),
            **more,
        )

    def _language(self, turn: TurnInfo) -> Language | None:
        if turn.languages:
            return language_of(turn.languages[0])
        return Language.EN if self.settings.model == "flux-general-en" else None

    def _new_session(self, sample_rate: int) -> ListenV2Session:
        options = self._options(sample_rate)
        converter = None
        if options.encoding == "linear16" and options.sample_rate:
            converter = PcmPipeline(
                in_rate=sample_rate, out_rate=options.sample_rate, channels=1, chunk_ms=self._chunk_ms
            )
        return ListenV2Session(
            self._api_key,
            options,
            converter=converter,
            base_url=self._url,
            settings=self._limits,
            allow_insecure=self._allow_insecure,
        )

    def _options(self, sample_rate: int) -> ListenV2Options:
        rate = sample_rate if sample_rate in FLUX_RATES else _RATE
        return listen_v2_options(self.settings, rate, **self._fixed)


def _defaults(model: str | None) -> SpeechwireFluxSTTSettings:
    return SpeechwireFluxSTTSettings(
        model=model or "flux-general-en",
        language=None,
        eager_eot_threshold=None,
        eot_threshold=None,
        eot_timeout_ms=None,
        keyterm=[],
        min_confidence=None,
        numerals=None,
        profanity_filter=None,
        redact=None,
        language_hints=None,
    )


def _apply(params: Any, settings: SpeechwireFluxSTTSettings) -> None:
    """Take over the deprecated parameters."""
    settings.eager_eot_threshold = params.eager_eot_threshold
    settings.eot_threshold = params.eot_threshold
    settings.eot_timeout_ms = params.eot_timeout_ms
    settings.keyterm = list(params.keyterm)
    settings.min_confidence = params.min_confidence


def _as_configured(settings: SpeechwireFluxSTTSettings) -> dict[str, Any]:
    """What ``Configure`` can bring. What was taken back is none of it: it can only be left out of a URL."""
    values = {name: getattr(settings, name) for name in _IN_BAND if getattr(settings, name) is not None}
    return values | {"keyterm": list(settings.keyterm), "language_hints": list(language_hints(settings))}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
