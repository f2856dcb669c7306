"""Text to speech with Aura (``/v1/speak``) and Flux TTS (``/v2/speak``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from videosdk.agents import TTS, FlushMarker

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import SpeakRequest, SpeakSession, SpeakSettings

from ._adapt import report, require_api_key, warn_of_unknown_arguments
from ._playback import TRACK_RATE, Playback, to_track_format
from ._text import TextJoiner

__all__ = ["DeepgramTTS"]

_DEFAULT_RATE = 24_000
_TELEPHONE_RATE = 8_000
_MOST_VOICES = 4

Text = AsyncIterator[str | FlushMarker] | str


class DeepgramTTS(TTS):
    """Deepgram Aura and Flux TTS for VideoSDK Agents: speech while the text is still being written.

    Audio belongs to the request that asked for it: after `interrupt` nothing of it is played, whatever is
    still on its way. A lost connection is replaced, and the text that was not heard is spoken again.

    Args:
        api_key: Deepgram API key; by default the environment's ``DEEPGRAM_API_KEY``.
        model: The voice: ``aura-2-thalia-en``, ``flux-alexis-en`` and so on. Flux voices begin to speak
            before the text is complete; they use ``/v2/speak``.
        encoding: ``linear16``, ``mulaw`` or ``alaw``; decoded before it is played.
        sample_rate: Hz that Deepgram is asked for: 8000, 16000, 24000, 32000 or 48000; with mulaw and alaw
            8000 (the default there) or 16000. Converted to the track's rate.
        base_url: Where the service is.
        speed: 0.7 to 1.5 for Aura-2 voices in English and Spanish; 0.5 to 1.5 in steps of 0.05 for Flux
            voices.
        max_connection_age_sec: Replace an idle connection of this age in seconds; by default 55 minutes.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.
        **kwargs: Ignored, with a warning in the log.

    Raises:
        ValueError: No key, or an argument out of its range; the message names both.

    Events: ``error`` when a synthesis has failed for good.

    Source: Deepgram docs, tts-websocket and flux-tts/state.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        model: str = "aura-2-thalia-en",
        encoding: str = "linear16",
        sample_rate: int = _DEFAULT_RATE,
        base_url: str = "wss://api.deepgram.com/v1/speak",
        speed: float | None = None,
        max_connection_age_sec: float | None = None,
        allow_insecure: bool = False,
        **kwargs: Any,
    ) -> None:
        if encoding != "linear16" and sample_rate == _DEFAULT_RATE:
            sample_rate = _TELEPHONE_RATE
        super().__init__(sample_rate=sample_rate, num_channels=1)
        warn_of_unknown_arguments(self, kwargs)
        self.api_key = require_api_key(api_key)
        self.model = model
        self.encoding = encoding
        self.base_url = base_url
        self.speed = speed
        self.allow_insecure = allow_insecure
        self.loop: asyncio.AbstractEventLoop | None = None
        age_s = max_connection_age_sec
        self.settings = SpeakSettings() if age_s is None else SpeakSettings(max_age_s=age_s)
        self._sessions: dict[str, SpeakSession] = {}
        self._request: SpeakRequest | None = None
        self._one_at_a_time = asyncio.Lock()
        self._closed = False
        # Made once here for their checks: a bad argument is told where it stands, not at the first text.
        self._new_session(model)

    def reset_first_audio_tracking(self) -> None:
        """Do nothing: every synthesis keeps track of its own first audio."""

    async def prewarm(self) -> None:
        """Open the connection now, so that the first answer does not wait for it. Idempotent.

        Raises:
            SpeechwireError: There is no connection to be had.
        """
        if not self._closed:
            await (await self._session(self.model)).prewarm()

    async def synthesize(self, text: Text, voice_id: str | None = None, **kwargs: Any) -> None:
        """Speak ``text`` into the audio track; return when all its audio is there, or after `interrupt`.

        Args:
            text: A text, or its pieces as they come. A `FlushMarker` has what came before it spoken at once.
            voice_id: Another voice than ``model``, for this text.
            **kwargs: Not used; other providers know some.

        Raises:
            SpeechwireError: The synthesis failed for good; ``error`` was emitted as well. If there was no
                connection nothing has been taken from ``text``, so that another provider can speak it.
        """
        if not self.audio_track or not self.loop:
            report(self, RuntimeError("Audio track or event loop not set"))
            return
        track = self.audio_track
        async with self._one_at_a_time:
            if self._closed:
                return
            playback = Playback(track, self.encoding, self.sample_rate, self._tell_first_audio)
            try:
                await self._play(text, voice_id or self.model, playback)
            except SpeechwireError as error:
                report(self, error)
                raise

    async def stream_synthesize(self, text_stream: Text, **kwargs: Any) -> AsyncIterator[bytes]:
        """Yield the audio of ``text_stream`` as mono s16le at 24 kHz, the format of the output track.

        Touches neither the track nor the metrics.

        Raises:
            SpeechwireError: The synthesis failed; what was yielded is not all.
        """
        session = await self._session(kwargs.get("voice_id") or self.model)
        pipeline = to_track_format(self.encoding, self.sample_rate, TRACK_RATE)
        async with aclosing(_spoken(session, session.request(), text_stream)) as audio:
            async for received in audio:
                for piece in pipeline.push(received):
                    yield piece
        for piece in pipeline.flush():
            yield piece

    async def interrupt(self) -> None:
        """Fall silent at once. The service is told in the background; nothing here waits for the network."""
        if self.audio_track:
            self.audio_track.interrupt()
        if self._request is not None:
            self._request.interrupt()

    async def aclose(self) -> None:
        """Close the connections. A synthesis in progress ends. Idempotent."""
        self._closed = True
        if self._request is not None:
            self._request.interrupt()
        sessions, self._sessions = self._sessions, {}
        await asyncio.gather(*(session.aclose() for session in sessions.values()))
        # The base class would do this and collect the garbage of the whole process; see SessionSTT.aclose.
        self._first_audio_callback: Any = None

    async def _play(self, text: Text, voice: str, playback: Playback) -> None:
        session = await self._session(voice)
        request = self._request = session.request()
        try:
            async with aclosing(_spoken(session, request, text)) as audio:
                async for received in audio:
                    await playback.write(received)
            if not request.interrupted:
                await playback.finish()
        finally:
            self._request = None

    async def _tell_first_audio(self) -> None:
        if self._first_audio_callback is not None:
            await self._first_audio_callback()

    async def _session(self, voice: str) -> SpeakSession:
        if self._closed:
            raise SessionClosed("the component has been closed")
        if voice not in self._sessions or self._sessions[voice].over:
            self._sessions[voice] = self._new_session(voice)
            if len(self._sessions) > _MOST_VOICES:
                await self._sessions.pop(next(iter(self._sessions))).aclose()
        return self._sessions[voice]

    def _new_session(self, voice: str) -> SpeakSession:
        flux = voice.startswith("flux-")
        make_options = SpeakV2Options if flux else SpeakV1Options
        return SpeakSession(
            self.api_key,
            make_options(model=voice, encoding=self.encoding, sample_rate=self.sample_rate, speed=self.speed),
            base_url=_base_url_for(flux, self.base_url),
            settings=self.settings,
            allow_insecure=self.allow_insecure,
        )


def _base_url_for(flux: bool, base_url: str) -> str:
    """Return ``base_url`` with the path of the endpoint that speaks with the voice, if it names one."""
    ours, other = ("/v2/speak", "/v1/speak") if flux else ("/v1/speak", "/v2/speak")
    stem = base_url.removesuffix(other)
    return base_url if stem == base_url else stem + ours


async def _spoken(session: SpeakSession, request: SpeakRequest, text: Text) -> AsyncGenerator[bytes]:
    """Yield the audio of ``text``, in the session's encoding, while the text is still coming."""
    feeding: asyncio.Task[None] | None = None
    try:
        await _connected(session, request)
        feeding = asyncio.create_task(_feed(request, text))
        async for audio in request:
            yield audio
        if feeding.done() or not request.interrupted:
            await feeding  # raises what the text itself raised
    finally:
        request.interrupt()
        if feeding is not None:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def _connected(session: SpeakSession, request: SpeakRequest) -> None:
    """Wait for the connection, or for the request's end if that comes first."""
    if session.connected:
        return
    waits = [asyncio.ensure_future(session.prewarm()), asyncio.ensure_future(request.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _feed(request: SpeakRequest, text: Text) -> None:
    """Push the text's pieces; a failure of the text itself ends the request."""
    try:
        if isinstance(text, str):
            request.push(text)
        else:
            await _feed_pieces(request, text)
        request.end()
    except Exception:
        request.interrupt()
        raise


async def _feed_pieces(request: SpeakRequest, pieces: AsyncIterator[str | FlushMarker]) -> None:
    joiner = TextJoiner()
    async for piece in pieces:
        if isinstance(piece, FlushMarker):
            request.flush()
        else:
            request.push(joiner.add(piece))
