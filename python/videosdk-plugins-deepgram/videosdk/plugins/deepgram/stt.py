"""Speech to text with Nova and older models (``/v1/listen``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from videosdk.agents import STTResponse, global_event_emitter

from speechwire.errors import InvalidArgument
from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results, SpeechStarted
from speechwire.session import ListenV1Session
from speechwire.session.converter import Converter

from ._adapt import ApiKey, check_flags, emit_safely, listed, named_as
from ._conversion import CONVERTED_CHUNK_MS, conversion, conversion_of_channels
from ._input import DEFAULT_CHANNELS, DEFAULT_SAMPLE_RATE, InputFormat, InputWatch
from ._results import ResultsTranslator, SpeechStartedFilter
from ._session_stt import SessionSTT
from ._stream import Stream, Translate

__all__ = ["DeepgramSTT"]


class DeepgramSTT(SessionSTT):
    """Deepgram Nova for VideoSDK Agents: interim and final transcripts.

    The stream's audio is passed on as it is, and declared as what it is; ``downmix`` and
    ``target_sample_rate`` convert it to one channel first (16 kHz mono is a sixth of 48 kHz stereo). A lost
    connection is replaced and the audio no final result covers is sent again. Where the format changes, it is
    converted to the one declared; one that stays for 5 s is declared by a new connection.

    Args:
        api_key: Deepgram API key, or a function, plain or async, asked for one at each connect; by default
            the environment's ``DEEPGRAM_API_KEY``.
        model: ``nova-2``, ``nova-3`` and so on, or a custom model's id.
        language: BCP-47 tag, or ``multi``.
        interim_results: Results before they are final, for the framework and for the room.
        punctuate: Punctuation and capitals.
        smart_format: Numbers, dates and the like as written.
        sample_rate: Hz of the input. The default follows the stream, any other value pins it.
        endpointing: Silence in ms that ends an utterance; negative or False for never.
        filler_words: Keep "uh" and "um".
        base_url: Where the service is.
        keywords: ``word`` or ``word:intensifier``, up to 100; not for Nova-3.
        keyterm: Phrases to favour; Nova-3 only.
        profanity_filter: Mask swear words.
        numerals: Numbers in digits.
        tag: Labels for the usage report.
        enable_diarization: Number the speakers; see ``speaker`` in the metadata.
        channels: Interleaved channels of the input; by default what the stream has.
        utterance_end_ms: Gap in ms, 1000 to 5000, that brings ``UtteranceEnd``; needs ``interim_results``.
        multichannel: One series of results per channel; see ``channel`` in the metadata.
        redact: What to mask: ``pci``, ``ssn``, ``numbers``, ``aggressive_numbers``.
        replace: ``find:replace`` pairs.
        search: Terms to look for.
        detect_entities: Put entities in the finals.
        diarize_model: ``latest`` or ``v1``, instead of ``enable_diarization``.
        mip_opt_out: Keep the audio out of the model improvement program.
        version: Of the model.
        dictation: Spoken punctuation becomes punctuation.
        extra: Further query parameters by name, unchecked.
        target_sample_rate: Hz to convert to before sending, as one channel; by default the stream's.
        downmix: Send one channel, the mean of all. Neither goes with ``multichannel``.
        chunk_ms: Length of the chunks sent. By default 100 when converting, else audio is sent as it comes; a
            value then saves messages, and adds up to that much latency.
        quality: Preset of the conversion: ``fast``, ``balanced`` or ``best``.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.

    Raises:
        ValueError: No key, or an argument out of its range; the message names both.

    Attributes have the arguments' names. Another key holds from the next connection on, other options from
    the next session on.

    Events: ``error`` once for each outage, and once for each session that has ended by itself; ``event`` with
    every message and session event of `speechwire`, on the loop, in order.

    Source: Deepgram docs, reference/speech-to-text/listen-streaming.
    """

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        model: str = "nova-2",
        language: str = "en-US",
        interim_results: bool = True,
        punctuate: bool = True,
        smart_format: bool = True,
        sample_rate: int | None = DEFAULT_SAMPLE_RATE,
        endpointing: int | Literal[False] = 50,
        filler_words: bool = True,
        base_url: str = "wss://api.deepgram.com/v1/listen",
        keywords: Sequence[str] | str | None = None,
        keyterm: Sequence[str] | str | None = None,
        profanity_filter: bool = False,
        numerals: bool = False,
        tag: Sequence[str] | str | None = None,
        enable_diarization: bool = False,
        channels: int | None = None,
        utterance_end_ms: int | None = None,
        multichannel: bool | None = None,
        redact: Sequence[str] | str | None = None,
        replace: Sequence[str] | str | None = None,
        search: Sequence[str] | str | None = None,
        detect_entities: bool | None = None,
        diarize_model: str | None = None,
        mip_opt_out: bool | None = None,
        version: str | None = None,
        dictation: bool | None = None,
        extra: dict[str, Any] | None = None,
        target_sample_rate: int | None = None,
        downmix: bool = False,
        chunk_ms: int | None = None,
        quality: str = "balanced",
        allow_insecure: bool = False,
    ) -> None:
        pinned_rate = None if sample_rate == DEFAULT_SAMPLE_RATE else sample_rate
        super().__init__(
            api_key=api_key, input=InputWatch(pinned_rate, channels), interim_results=interim_results
        )
        self.model = model
        self.language = language
        self.punctuate = punctuate
        self.smart_format = smart_format
        self.endpointing = endpointing
        self.filler_words = filler_words
        self.base_url = base_url
        self.keywords = listed(keywords)
        self.keyterm = listed(keyterm)
        self.profanity_filter = profanity_filter
        self.numerals = numerals
        self.tag = listed(tag)
        self.enable_diarization = enable_diarization
        self.utterance_end_ms = utterance_end_ms
        self.multichannel = multichannel
        self.redact = listed(redact)
        self.replace = listed(replace)
        self.search = listed(search)
        self.detect_entities = detect_entities
        self.diarize_model = diarize_model
        self.mip_opt_out = mip_opt_out
        self.version = version
        self.dictation = dictation
        self.extra = dict(extra or {})
        self.target_sample_rate = target_sample_rate
        self.downmix = downmix
        self.chunk_ms = chunk_ms
        self.quality = quality
        self.allow_insecure = allow_insecure
        self._declared = InputFormat(
            sample_rate or DEFAULT_SAMPLE_RATE, DEFAULT_CHANNELS if channels is None else channels
        )
        self._speech_started = SpeechStartedFilter()
        # Made once here for their checks: a bad argument raises here, not at the first audio.
        check_flags(self, "downmix")
        with named_as(in_rate="sample_rate", diarize="enable_diarization"):
            self._session(self.api_key, self._sent(self._declared), None)
            conversion(
                self._declared, self._sent(self._declared).sample_rate, self._converted_chunk_ms, self.quality
            )

    @property
    def sample_rate(self) -> int:
        """Hz of the input as it is known now; 48000 while nothing is known."""
        return self._declared.sample_rate

    async def flush(self) -> None:
        """Ask for the final result of all audio so far (``Finalize``), behind that audio."""
        await super().flush()

    def _new_stream(self, format: InputFormat) -> Stream:
        self._declared = format
        sent, convert = self._sent(format), self._conversion(self._sent(format))
        converter = convert(format)
        session = self._session(self._current_key, sent, converter)
        follows = not self._converts
        return Stream(session, format, converter, convert, self._translation(), follows=follows)

    def _session(self, api_key: ApiKey, sent: InputFormat, converter: Converter | None) -> ListenV1Session:
        if self.multichannel and self._converts:
            allowed = "False with downmix or target_sample_rate"
            raise InvalidArgument("multichannel", self.multichannel, allowed)
        return ListenV1Session(
            api_key,
            self._options(sent),
            converter=converter,
            base_url=self.base_url,
            settings=self.settings,
            allow_insecure=self.allow_insecure,
        )

    def _conversion(self, sent: InputFormat) -> Callable[[InputFormat], Converter]:
        """Return what makes the converter from any format to the one that is sent."""
        chunk_ms, converted_chunk_ms, quality = self.chunk_ms, self._converted_chunk_ms, self.quality
        if self._converts:
            return lambda format: conversion(format, sent.sample_rate, converted_chunk_ms, quality)
        separate = bool(self.multichannel)
        return lambda format: conversion_of_channels(format, sent, chunk_ms, quality, separate=separate)

    @property
    def _converted_chunk_ms(self) -> int:
        return CONVERTED_CHUNK_MS if self.chunk_ms is None else self.chunk_ms

    @property
    def _converts(self) -> bool:
        return self.downmix or self.target_sample_rate is not None

    def _sent(self, format: InputFormat) -> InputFormat:
        """The format of what is sent when ``format`` comes in."""
        return InputFormat(
            self.target_sample_rate or format.sample_rate, 1 if self._converts else format.channels
        )

    def _options(self, sent: InputFormat) -> ListenV1Options:
        silence: Any = self.endpointing  # set by the caller at any time, and judged by the options
        return ListenV1Options(
            model=self.model,
            language=self.language,
            interim_results=self.interim_results,
            punctuate=self.punctuate,
            smart_format=self.smart_format,
            sample_rate=sent.sample_rate,
            channels=sent.channels,
            endpointing=False if isinstance(silence, int) and silence < 0 else silence,
            filler_words=self.filler_words,
            vad_events=True,
            no_delay=True,
            keywords=listed(self.keywords),
            keyterm=listed(self.keyterm),
            profanity_filter=self.profanity_filter,
            numerals=self.numerals,
            tag=listed(self.tag),
            diarize=None if self.diarize_model else self.enable_diarization,
            utterance_end_ms=self.utterance_end_ms,
            multichannel=self.multichannel,
            redact=listed(self.redact),
            replace=listed(self.replace),
            search=listed(self.search),
            detect_entities=self.detect_entities,
            diarize_model=self.diarize_model,
            mip_opt_out=self.mip_opt_out,
            version=self.version,
            dictation=self.dictation,
            extra=self.extra,
        )

    def _translation(self) -> Translate:
        translator = ResultsTranslator(self.model, self.language)

        def translate(event: object) -> Iterable[STTResponse]:
            if isinstance(event, SpeechStarted):
                if self._speech_started.passes(event, asyncio.get_running_loop().time()):
                    emit_safely(global_event_emitter, "speech_started")
            elif isinstance(event, Results):
                response = translator.translate(event)
                return () if response is None else (response,)
            return ()

        return translate
