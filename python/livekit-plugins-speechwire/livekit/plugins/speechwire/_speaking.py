"""What both text-to-speech classes have in common: a core request behind each of the framework's streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tokenize, tts, utils

from speechwire.audio import PcmPipeline
from speechwire.errors import InvalidArgument, SpeechwireError
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import Transport

from ._arguments import ApiKey, note_http_session, require_api_key
from ._errors import api_error
from ._framework import note_connection, note_started, set_sample_rate, text_of, without_retry
from ._settings import speak_settings
from ._voices import Make, Voices

__all__ = ["Access", "ChunkedStream", "SessionTTS", "SynthesizeStream"]

_MIME_TYPE = "audio/pcm"
_FORMATS = {"mulaw": "mulaw", "alaw": "alaw"}
_PIECE_MS = 20


@dataclass(frozen=True)
class Access:
    """How the service is reached.

    Attributes:
        api_key: A key, or what is asked for one; ``None`` for the one in the environment.
        base_url: Where it is.
        transport: How connections are made; ``None`` for the event loop's shared one.
        settings: Limits and deadlines; ``None`` for those that follow from the connect options.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
    """

    api_key: ApiKey | None = field(repr=False)
    base_url: str
    transport: Transport | None
    settings: SpeakSettings | None
    allow_insecure: bool


class SessionTTS(tts.TTS):
    """Keeps the options and the connections."""

    def __init__(
        self,
        options_type: type[SpeakV1Options] | type[SpeakV2Options],
        arguments: dict[str, Any],
        access: Access,
        *,
        word_tokenizer: tokenize.WordTokenizer | None,
        http_session: object,
        bit_rate: object,
    ) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=arguments["sample_rate"],
            num_channels=1,
        )
        note_http_session(http_session)
        _check_bit_rate(bit_rate)
        self._options_type = options_type
        self._arguments = arguments
        self._access = access
        self._api_key = require_api_key(access.api_key)
        self._word_tokenizer = word_tokenizer
        self._voices = Voices()
        self._streams: WeakSet[SynthesizeStream | ChunkedStream] = WeakSet()
        # Made once here for its checks: a bad argument raises here, not at the first text.
        self._kind(DEFAULT_API_CONNECT_OPTIONS)[1]()

    @property
    def model(self) -> str:
        """The voice's name."""
        return str(self._arguments["model"])

    @property
    def provider(self) -> str:
        """Who speaks."""
        return "Deepgram"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> ChunkedStream:
        """Speak a text that is complete."""
        stream = ChunkedStream(self, text, conn_options)
        self._streams.add(stream)
        return stream

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> SynthesizeStream:
        """Speak a text while it is being written. Closing the stream is the interruption: nothing follows."""
        stream = SynthesizeStream(self, conn_options)
        self._streams.add(stream)
        return stream

    def prewarm(self) -> None:
        """Open a connection for the next text. Returns at once; nothing without an event loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._voices.prewarm(*self._kind(DEFAULT_API_CONNECT_OPTIONS))

    async def aclose(self) -> None:
        """End what is being spoken, and close the connections."""
        await asyncio.gather(*(stream.aclose() for stream in list(self._streams)))
        await self._voices.aclose()

    def _change(self, bit_rate: object, changes: dict[str, Any]) -> None:
        _check_bit_rate(bit_rate)
        before, self._arguments = self._arguments, {**self._arguments, **changes}
        try:
            key, make = self._kind(DEFAULT_API_CONNECT_OPTIONS)
            make()
        except SpeechwireError:
            self._arguments = before
            raise
        set_sample_rate(self, self._arguments["sample_rate"])
        self._voices.retain(key)

    def _kind(self, conn_options: APIConnectOptions) -> tuple[object, Make]:
        """What distinguishes sessions, and what makes one."""
        options = self._options_type(**self._arguments)
        return (options, conn_options), lambda: self._session(options, conn_options)

    def _session(
        self, options: SpeakV1Options | SpeakV2Options, conn_options: APIConnectOptions
    ) -> SpeakSession:
        return SpeakSession(
            self._api_key,
            options,
            base_url=self._access.base_url,
            transport=self._access.transport,
            settings=self._access.settings or speak_settings(conn_options),
            allow_insecure=self._access.allow_insecure,
        )


class _Speaker:
    """One text on its way to audio, for either kind of stream."""

    def __init__(self, owner: SessionTTS, conn_options: APIConnectOptions) -> None:
        self._owner = owner
        self._arguments = owner._arguments
        self._key, self._make = owner._kind(conn_options)

    def initialize(self, emitter: tts.AudioEmitter, *, stream: bool) -> None:
        """Tell the framework the format of what will come."""
        emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._arguments["sample_rate"],
            num_channels=1,
            mime_type=_MIME_TYPE,
            stream=stream,
        )

    async def speak(self, stream: Any, emitter: tts.AudioEmitter, feed: Any) -> None:
        """Push the audio of one request; an interruption leaves nothing behind.

        Raises:
            APIError: The request failed for good.
        """
        try:
            with self._owner._voices.use(self._key, self._make) as session:
                await _connect(session, stream)
                request = session.request()
                feeding = asyncio.create_task(feed(request))
                try:
                    async for pcm in _decoded(request, self._arguments):
                        emitter.push(pcm)
                    if feeding.done():
                        await feeding  # raises what the text itself raised
                finally:
                    request.interrupt()
                    feeding.cancel()
        except SpeechwireError as error:
            raise api_error(error) from None


class ChunkedStream(tts.ChunkedStream):
    """A complete text: made by ``synthesize``."""

    def __init__(self, owner: SessionTTS, text: str, conn_options: APIConnectOptions) -> None:
        self._speaker = _Speaker(owner, conn_options)
        super().__init__(tts=owner, input_text=text, conn_options=without_retry(conn_options))

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        self._speaker.initialize(output_emitter, stream=False)
        await self._speaker.speak(self, output_emitter, self._feed)

    async def _feed(self, request: SpeakRequest) -> None:
        request.push(self.input_text)
        request.end()


class SynthesizeStream(tts.SynthesizeStream):
    """A text in pieces: made by ``stream``."""

    def __init__(self, owner: SessionTTS, conn_options: APIConnectOptions) -> None:
        self._speaker = _Speaker(owner, conn_options)
        self._tokenizer: tokenize.WordTokenizer | None = owner._word_tokenizer
        super().__init__(tts=owner, conn_options=without_retry(conn_options))

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        self._speaker.initialize(output_emitter, stream=True)
        output_emitter.start_segment(segment_id=utils.shortuuid())
        await self._speaker.speak(self, output_emitter, self._feed)
        output_emitter.end_segment()

    async def _feed(self, request: SpeakRequest) -> None:
        pieces = text_of(self) if self._tokenizer is None else _tokens(self._tokenizer, text_of(self))
        try:
            async for piece in pieces:
                if piece is None:
                    request.flush()
                else:
                    note_started(self)
                    request.push(piece)
            request.end()
        except BaseException:
            request.interrupt()
            raise


async def _tokens(tokenizer: tokenize.WordTokenizer, pieces: AsyncIterator[str | None]) -> AsyncIterator[str]:
    """Yield words, a blank behind each, as soon as the tokenizer knows their ends."""
    words = tokenizer.stream()

    async def push() -> None:
        async for piece in pieces:
            words.flush() if piece is None else words.push_text(piece)
        words.end_input()

    pushing = asyncio.create_task(push())
    try:
        async for word in words:
            yield f"{word.token} "
    finally:
        pushing.cancel()
        await words.aclose()


async def _connect(session: SpeakSession, stream: Any) -> None:
    reused, began = session.connected, time.perf_counter()
    if not reused:
        await session.prewarm()
    note_connection(stream, time.perf_counter() - began, reused=reused)


async def _decoded(request: SpeakRequest, arguments: dict[str, Any]) -> AsyncIterator[bytes]:
    """The request's audio as s16le."""
    encoding, rate = arguments["encoding"], arguments["sample_rate"]
    if encoding not in _FORMATS:
        async for audio in request:
            yield audio
        return
    pipeline = PcmPipeline(rate, rate, channels=1, chunk_ms=_PIECE_MS, format=_FORMATS[encoding])
    async for audio in request:
        for piece in pipeline.push(audio):
            yield piece
    for piece in pipeline.flush():
        yield piece


def _check_bit_rate(bit_rate: object) -> None:
    """Raise `InvalidArgument` for a bit rate: there is none without compression."""
    if bit_rate is not None:
        raise InvalidArgument("bit_rate", bit_rate, "None: streamed audio is not compressed")
