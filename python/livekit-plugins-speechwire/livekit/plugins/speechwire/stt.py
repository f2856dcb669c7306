"""Speech to text with Nova and older models (``/v1/listen``)."""

from __future__ import annotations

from typing import Any

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, LanguageCode, stt
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV1Options, Utterances
from speechwire.protocol.listen_v1_events import Results, SpeechStarted, UtteranceEnd
from speechwire.session import ListenSettings, ListenV1Session
from speechwire.transport import Transport

from ._arguments import (
    ApiKey,
    changes_of,
    check_names,
    check_tags,
    keyterms_of,
    listed,
    model_for,
    named_as,
    note_http_session,
    or_none,
    require_api_key,
    with_fitting_model,
)
from ._errors import api_error
from ._listening import SessionStream, SessionSTT
from ._results import recording, speech_data
from ._settings import listen_settings, recognize_settings
from .models import DeepgramLanguages, DeepgramModels

__all__ = ["STT", "SpeechStream"]

_CHUNK_MS = 50


class STT(SessionSTT):
    """Deepgram's Nova for LiveKit Agents. Audio goes in at once; a lost connection loses nothing.

    Arguments and defaults are those of ``livekit.plugins.deepgram.STT``; ``docs/livekit.md`` says what
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
        model: DeepgramModels | str = "nova-3",
        language: DeepgramLanguages | str = "en-US",
        detect_language: bool = False,
        interim_results: bool = True,
        punctuate: bool = True,
        smart_format: bool = False,
        sample_rate: int = 16000,
        no_delay: bool = True,
        endpointing_ms: int = 25,
        enable_diarization: bool = False,
        filler_words: bool = True,
        keywords: NotGivenOr[list[tuple[str, float]]] = NOT_GIVEN,
        keyterm: NotGivenOr[str | list[str]] = NOT_GIVEN,
        tags: NotGivenOr[list[str]] = NOT_GIVEN,
        profanity_filter: bool = False,
        redact: NotGivenOr[str | list[str]] = NOT_GIVEN,
        api_key: NotGivenOr[ApiKey] = NOT_GIVEN,
        http_session: object | None = None,
        base_url: str = "https://api.deepgram.com/v1/listen",
        numerals: bool = False,
        mip_opt_out: bool = False,
        vad_events: bool = True,
        utterance_end_ms: int | None = None,
        dictation: bool = False,
        replace: dict[str, str] | None = None,
        search: list[str] | None = None,
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
            "model": model_for(model, language),
            "language": LanguageCode(language) if language else None,
            "detect_language": detect_language,
            "interim_results": interim_results,
            "punctuate": punctuate,
            "smart_format": smart_format,
            "sample_rate": sample_rate,
            "no_delay": no_delay,
            "endpointing_ms": endpointing_ms,
            "enable_diarization": enable_diarization,
            "filler_words": filler_words,
            "keywords": or_none(keywords) or [],
            "keyterm": or_none(keyterms_of(keyterm, keyterms)) or [],
            "tags": check_tags(listed(tags)),
            "profanity_filter": profanity_filter,
            "redact": redact,
            "endpoint_url": base_url,
            "numerals": numerals,
            "mip_opt_out": mip_opt_out,
            "vad_events": vad_events,
            "utterance_end_ms": utterance_end_ms,
            "dictation": dictation,
            "replace": replace,
            "search": search,
            "chunk_ms": _CHUNK_MS,
        }
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True,
                interim_results=interim_results,
                diarization=enable_diarization,
                aligned_transcript="word",
                keyterms=True,
            ),
            arguments=arguments,
        )
        # Made once here for its checks: a bad argument raises here, not at the first audio.
        self._session(self._options(arguments), DEFAULT_API_CONNECT_OPTIONS)

    def stream(
        self,
        *,
        language: NotGivenOr[DeepgramLanguages | str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechStream:
        """Begin a stream; its connection is opened at once.

        Raises:
            ValueError: No language, or ``detect_language``, which the service knows for recordings only.
        """
        arguments = {**self._arguments, **changes_of(language=language)}
        if arguments["detect_language"] or not arguments["language"]:
            raise ValueError(
                "language detection is not supported in streaming mode: specify a language, or 'multi'"
            )
        return SpeechStream(self, arguments, conn_options)

    def update_options(
        self,
        *,
        language: NotGivenOr[DeepgramLanguages | str] = NOT_GIVEN,
        model: NotGivenOr[DeepgramModels | str] = NOT_GIVEN,
        interim_results: NotGivenOr[bool] = NOT_GIVEN,
        punctuate: NotGivenOr[bool] = NOT_GIVEN,
        smart_format: NotGivenOr[bool] = NOT_GIVEN,
        sample_rate: NotGivenOr[int] = NOT_GIVEN,
        no_delay: NotGivenOr[bool] = NOT_GIVEN,
        endpointing_ms: NotGivenOr[int] = NOT_GIVEN,
        enable_diarization: NotGivenOr[bool] = NOT_GIVEN,
        filler_words: NotGivenOr[bool] = NOT_GIVEN,
        keywords: NotGivenOr[list[tuple[str, float]]] = NOT_GIVEN,
        keyterm: NotGivenOr[str | list[str]] = NOT_GIVEN,
        profanity_filter: NotGivenOr[bool] = NOT_GIVEN,
        redact: NotGivenOr[str | list[str]] = NOT_GIVEN,
        numerals: NotGivenOr[bool] = NOT_GIVEN,
        mip_opt_out: NotGivenOr[bool] = NOT_GIVEN,
        vad_events: NotGivenOr[bool] = NOT_GIVEN,
        tags: NotGivenOr[list[str]] = NOT_GIVEN,
        endpoint_url: NotGivenOr[str] = NOT_GIVEN,
        utterance_end_ms: NotGivenOr[int | None] = NOT_GIVEN,
        dictation: NotGivenOr[bool] = NOT_GIVEN,
        replace: NotGivenOr[dict[str, str] | None] = NOT_GIVEN,
        search: NotGivenOr[list[str] | None] = NOT_GIVEN,
        keyterms: NotGivenOr[list[str]] = NOT_GIVEN,
    ) -> None:
        """Change options, also of running streams, and return at once.

        Keyterms change in band. Anything else brings a new connection, which takes over between two
        utterances and loses nothing. ``sample_rate`` and ``endpoint_url`` hold from the next stream on.

        Raises:
            InvalidArgument: A value is out of its range; nothing changes.
        """
        changes = changes_of(
            language=language,
            model=model,
            interim_results=interim_results,
            punctuate=punctuate,
            smart_format=smart_format,
            sample_rate=sample_rate,
            no_delay=no_delay,
            endpointing_ms=endpointing_ms,
            enable_diarization=enable_diarization,
            filler_words=filler_words,
            keywords=keywords,
            keyterm=keyterm,
            keyterms=keyterms,
            profanity_filter=profanity_filter,
            redact=redact,
            numerals=numerals,
            mip_opt_out=mip_opt_out,
            vad_events=vad_events,
            tags=tags,
            endpoint_url=endpoint_url,
            utterance_end_ms=utterance_end_ms,
            dictation=dictation,
            replace=replace,
            search=search,
        )
        self._change(with_fitting_model(changes, self._arguments))

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[DeepgramLanguages | str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        """Transcribe a recording: streamed as fast as the connection takes it, and read to its end."""
        frame = rtc.combine_audio_frames(buffer)
        arguments = {**self._arguments, **changes_of(language=language), "sample_rate": frame.sample_rate}
        if arguments["detect_language"]:
            arguments["language"] = "multi"  # what a stream has in place of detection
        options = self._options({**arguments, "channels": frame.num_channels, "interim_results": False})
        session = self._session(options, conn_options, frame.duration)
        try:
            session.push(frame.data.tobytes())
            await session.aclose()
            finals = [event async for event in session if isinstance(event, Results) and event.is_final]
        except SpeechwireError as error:
            raise api_error(error) from None
        finally:
            self.keep(session.aclose())
        return recording(finals, arguments, session.request_id or "")

    def _options(self, arguments: dict[str, Any]) -> ListenV1Options:
        utterance_end_ms = arguments["utterance_end_ms"]
        with named_as(endpointing="endpointing_ms", diarize="enable_diarization", tag="tags"):
            return ListenV1Options(
                model=arguments["model"],
                language=arguments["language"] or None,
                interim_results=arguments["interim_results"],
                punctuate=arguments["punctuate"],
                smart_format=arguments["smart_format"],
                sample_rate=arguments["sample_rate"],
                channels=arguments.get("channels", 1),
                no_delay=arguments["no_delay"],
                endpointing=arguments["endpointing_ms"] or False,
                diarize=arguments["enable_diarization"] or None,
                filler_words=arguments["filler_words"],
                keywords=[f"{word}:{intensifier}" for word, intensifier in arguments["keywords"]],
                keyterm=arguments["keyterm"],
                tag=arguments["tags"],
                profanity_filter=arguments["profanity_filter"],
                redact=listed(arguments["redact"]),
                numerals=arguments["numerals"],
                mip_opt_out=arguments["mip_opt_out"],
                vad_events=arguments["vad_events"],
                utterance_end_ms=utterance_end_ms if arguments["interim_results"] else None,
                dictation=arguments["dictation"] or None,
                replace=[f"{term}:{other}" for term, other in (arguments["replace"] or {}).items()],
                search=listed(arguments["search"]),
            )

    def _session(
        self, options: ListenV1Options, conn_options: APIConnectOptions, recording_s: float | None = None
    ) -> ListenV1Session:
        if recording_s is not None:
            settings = recognize_settings(conn_options, recording_s)
        else:
            settings = self._settings or listen_settings(conn_options)
        return ListenV1Session(
            self._api_key,
            options,
            base_url=self._arguments["endpoint_url"],
            transport=self._transport,
            settings=settings,
            allow_insecure=self._allow_insecure,
        )


class SpeechStream(SessionStream):
    """A stream of :class:`STT`: made by :meth:`STT.stream`."""

    def __init__(self, owner: STT, arguments: dict[str, Any], conn_options: APIConnectOptions) -> None:
        super().__init__(owner, arguments, conn_options)
        self._utterances = Utterances()

    def update_options(self, **changes: Any) -> None:
        """Change options of this stream alone; names and values are those of :meth:`STT.update_options`."""
        check_names(changes, self._arguments)
        self.change(with_fitting_model(changes_of(**changes), self._arguments))

    def _translate(self, event: Any) -> None:
        if isinstance(event, SpeechStarted):
            self._begin_speech(event.timestamp)
        elif isinstance(event, Results):
            self._results(event)
        elif isinstance(event, UtteranceEnd):
            ended = [each for each in self._utterances.receive(event) if each.ended_by]
            if ended:
                self._end_speech(ended[-1].end)

    def _results(self, results: Results) -> None:
        offset_s, arguments = self.start_time_offset, self._arguments
        if results.transcript:
            best = results.channel.alternatives[0]
            self._begin_speech(best.words[0].start if best.words else results.start)
            kind = (
                stt.SpeechEventType.FINAL_TRANSCRIPT
                if results.is_final
                else stt.SpeechEventType.INTERIM_TRANSCRIPT
            )
            data = [speech_data(each, results, arguments, offset_s) for each in results.channel.alternatives]
            self._say(kind, results.metadata.request_id, data)
        ended = [each for each in self._utterances.receive(results) if each.ended_by]
        if ended or results.speech_final:
            self._end_speech(ended[-1].end if ended else results.end)
