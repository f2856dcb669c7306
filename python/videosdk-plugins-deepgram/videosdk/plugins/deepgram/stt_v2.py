"""Speech to text with Flux (``/v2/listen``), Deepgram's model that knows when a turn ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from videosdk.agents import STTResponse, global_event_emitter

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.protocol import ListenV2, ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session
from speechwire.session.converter import Converter

from ._adapt import ApiKey, check_flags, emit_safely, listed, named_as
from ._changes import AttributeChanges
from ._conversion import conversion
from ._input import DEFAULT_CHANNELS, DEFAULT_SAMPLE_RATE, InputFormat, InputWatch
from ._session_stt import SessionSTT
from ._stream import Stream, Translate
from ._turns import TurnTranslator

__all__ = ["DeepgramSTTV2"]

_DEFAULT_TARGET_RATE = 16_000
_CONFIGURE_NAMES = {"keyterm": "keyterms", "language_hint": "language_hints"}
_ACCEPTED_RATES = frozenset({8_000, 16_000, 24_000, 44_100, 48_000})


class DeepgramSTTV2(SessionSTT):
    """Deepgram Flux for VideoSDK Agents: `STTResponse`s that follow the turns of a conversation.

    Audio of any rate and channel count is converted to mono at ``target_sample_rate`` and sent in chunks of
    ``chunk_ms``. A dropped connection is replaced and the audio no result covers is sent again.

    Args:
        api_key: Deepgram API key, or a function, plain or async, asked for one at each connect; by default
            the environment's ``DEEPGRAM_API_KEY``.
        model: ``flux-general-en`` or ``flux-general-multi``.
        input_sample_rate: Hz. The default follows the stream, any other value pins it.
        target_sample_rate: Hz, what Deepgram is sent: 8000, 16000, 24000, 44100 or 48000. By default 16000,
            or 8000 for a stream of 8000 Hz.
        eager_eot_threshold: End-of-turn confidence that starts preemptive generation, 0.3 to 0.9 and at most
            ``eot_threshold``. Only used with ``enable_preemptive_generation``.
        eot_threshold: End-of-turn confidence that ends a turn, 0.5 to 1.0.
        eot_timeout_ms: Silence in ms that ends a turn whatever the confidence, 500 to 60000.
        base_url: Where the service is.
        enable_preemptive_generation: Report EagerEndOfTurn, so that the framework answers ahead of time.
        keyterm: Up to 100 terms to favour.
        language_hint: Languages to expect (``flux-general-multi`` only).
        tag: Labels for the usage report.
        input_channels: Interleaved channels of the input; by default what the stream has.
        interim_results: Publish interim transcripts to the room; the framework gets them in any case.
        numerals: Numbers in digits.
        profanity_filter: Mask swear words.
        mip_opt_out: Keep the audio out of the model improvement program.
        chunk_ms: Length of the chunks sent; Deepgram advises 80.
        quality: Preset of the conversion: ``fast``, ``balanced`` or ``best``.
        force_end_turn_on_flush: End the turn when the framework's own voice activity detection says so.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.

    Raises:
        ValueError: No key, or an argument out of its range; the message names both.

    Attributes have the arguments' names. Another key holds from the next connection on, other options from
    the next session on; `update_options` changes some at once.

    Events: ``error`` once for each outage, and once for each session that has ended by itself; ``event`` with
    every message and session event of `speechwire`, on the loop, in order.

    Source: Deepgram docs, flux/configuration and flux/state.
    """

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        model: str = "flux-general-en",
        input_sample_rate: int | None = DEFAULT_SAMPLE_RATE,
        target_sample_rate: int | None = _DEFAULT_TARGET_RATE,
        eager_eot_threshold: float = 0.6,
        eot_threshold: float = 0.8,
        eot_timeout_ms: int = 7000,
        base_url: str = "wss://api.deepgram.com/v2/listen",
        enable_preemptive_generation: bool = False,
        keyterm: Sequence[str] | str | None = None,
        language_hint: Sequence[str] | str | None = None,
        tag: Sequence[str] | str | None = None,
        input_channels: int | None = None,
        interim_results: bool = False,
        numerals: bool | None = None,
        profanity_filter: bool | None = None,
        mip_opt_out: bool | None = None,
        chunk_ms: int = 100,
        quality: str = "balanced",
        force_end_turn_on_flush: bool = False,
        allow_insecure: bool = False,
    ) -> None:
        pinned_rate = None if input_sample_rate == DEFAULT_SAMPLE_RATE else input_sample_rate
        super().__init__(
            api_key=api_key, input=InputWatch(pinned_rate, input_channels), interim_results=interim_results
        )
        self.model = model
        self.input_sample_rate = input_sample_rate or DEFAULT_SAMPLE_RATE
        self.target_sample_rate = target_sample_rate or _DEFAULT_TARGET_RATE
        self.eager_eot_threshold = eager_eot_threshold
        self.eot_threshold = eot_threshold
        self.eot_timeout_ms = eot_timeout_ms
        self.base_url = base_url
        self.enable_preemptive_generation = enable_preemptive_generation
        self.keyterm = listed(keyterm)
        self.language_hint = listed(language_hint)
        self.tag = listed(tag)
        self.numerals = numerals
        self.profanity_filter = profanity_filter
        self.mip_opt_out = mip_opt_out
        self.chunk_ms = chunk_ms
        self.quality = quality
        self.force_end_turn_on_flush = force_end_turn_on_flush
        self.allow_insecure = allow_insecure
        self._changes = AttributeChanges(self)
        # Made once here for their checks: a bad argument raises here, not at the first audio.
        check_flags(self, "enable_preemptive_generation", "interim_results", "force_end_turn_on_flush")
        with named_as(
            sample_rate="target_sample_rate", in_rate="input_sample_rate", channels="input_channels"
        ):
            self._session(self.api_key, self.target_sample_rate, None)
            self._conversion(self.target_sample_rate)(
                InputFormat(
                    self.input_sample_rate, DEFAULT_CHANNELS if input_channels is None else input_channels
                )
            )

    async def flush(self) -> None:
        """End the turn if ``force_end_turn_on_flush``; else do nothing: Flux knows when a turn ends."""
        if self.force_end_turn_on_flush:
            await super().flush()

    async def update_options(
        self,
        *,
        eager_eot_threshold: float | None = None,
        eot_threshold: float | None = None,
        eot_timeout_ms: int | None = None,
        keyterm: Sequence[str] | str | None = None,
        language_hint: Sequence[str] | str | None = None,
        numerals: bool | None = None,
    ) -> None:
        """Change options in the middle of a call (Flux ``Configure``), and for every later connection.

        ``None`` leaves an option as it is; an empty list clears a list. ``eager_eot_threshold`` only matters
        with ``enable_preemptive_generation``. The attributes say at once what is wanted. Waits for the
        service's answer; without a connection it returns at once, and the next connection has the options.

        Raises:
            ValueError: An option is out of its range; nothing changed.
            ServiceError: The service refused; the options are as before. Or it has not answered
                (``retryable`` is then true): they hold from the next connection on.
            HandshakeRefused: It refused a connection with these options; they are as before.
        """
        values: dict[str, Any] = {
            "eager_eot_threshold": eager_eot_threshold,
            "eot_threshold": eot_threshold,
            "eot_timeout_ms": eot_timeout_ms,
            "keyterm": None if keyterm is None else listed(keyterm),
            "language_hint": None if language_hint is None else listed(language_hint),
            "numerals": numerals,
        }
        wanted = {name: value for name, value in values.items() if value is not None}
        changes = {_CONFIGURE_NAMES.get(name, name): value for name, value in wanted.items()}
        with named_as(keyterms="keyterm", language_hints="language_hint"):
            ListenV2(self._options(self.target_sample_rate)).configure(**changes)
        change = self._changes.begin(wanted)
        self._note_changes(wanted)
        holds = True  # also if this is cancelled
        try:
            for stream in tuple(self._streams()):
                with suppress(SessionClosed):  # the next one has them
                    await stream.session.configure(**changes)
        except SpeechwireError as error:
            holds = error.retryable
            raise
        finally:
            if holds:
                self._changes.keep(change)
            else:
                self._changes.withdraw(change)
                self._note_changes(wanted)

    def _note_changes(self, names: Iterable[str]) -> None:
        """A change that a running session takes needs no new session."""
        for stream in self._streams():
            stream.configuration.update((name, getattr(self, name)) for name in names)

    def _new_stream(self, format: InputFormat) -> Stream:
        rate = self._rate_for(format)
        convert = self._conversion(rate)
        converter = convert(format)
        session = self._session(self._current_key, rate, converter)
        return Stream(session, format, converter, convert, self._translation(), follows=False)

    def _session(self, api_key: ApiKey, rate: int, converter: Converter | None) -> ListenV2Session:
        return ListenV2Session(
            api_key,
            self._options(rate),
            converter=converter,
            base_url=self.base_url,
            settings=self.settings,
            allow_insecure=self.allow_insecure,
        )

    def _rate_for(self, format: InputFormat) -> int:
        """The target rate, but not above that of the stream where it was left at its default."""
        if self.target_sample_rate == _DEFAULT_TARGET_RATE and format.sample_rate in _ACCEPTED_RATES:
            return min(self.target_sample_rate, format.sample_rate)
        return self.target_sample_rate

    def _conversion(self, rate: int) -> Callable[[InputFormat], Converter]:
        """Return what makes the pipeline from any format to mono at ``rate``."""
        chunk_ms, quality = self.chunk_ms, self.quality
        return lambda format: conversion(format, rate, chunk_ms, quality)

    def _options(self, sample_rate: int) -> ListenV2Options:
        return ListenV2Options(
            model=self.model,
            sample_rate=sample_rate,
            eot_threshold=self.eot_threshold,
            eot_timeout_ms=self.eot_timeout_ms,
            eager_eot_threshold=self.eager_eot_threshold if self.enable_preemptive_generation else None,
            keyterm=listed(self.keyterm),
            language_hint=listed(self.language_hint),
            tag=listed(self.tag),
            numerals=self.numerals,
            profanity_filter=self.profanity_filter,
            mip_opt_out=self.mip_opt_out,
        )

    def _translation(self) -> Translate:
        turns = TurnTranslator(self.model, self.enable_preemptive_generation)

        def translate(event: object) -> Iterable[STTResponse]:
            if type(event) is not TurnInfo:
                return ()
            if event.event == "StartOfTurn":
                emit_safely(global_event_emitter, "speech_started")
            elif event.event == "EndOfTurn":
                emit_safely(global_event_emitter, "speech_stopped")
            response = turns.translate(event)
            return () if response is None else (response,)

        return translate
