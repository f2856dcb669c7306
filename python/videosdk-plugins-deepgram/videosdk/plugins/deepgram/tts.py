"""Text to speech with Aura (``/v1/speak``) and Flux TTS (``/v2/speak``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from weakref import WeakSet

from videosdk.agents import TTS

from speechwire.errors import InvalidArgument, SessionClosed, SpeechwireError
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import SpeakSession, SpeakSettings

from ._adapt import listed, named_as, report, require_api_key, warn_of_unknown_arguments
from ._framework import first_audio_callback, forget_first_audio_callback
from ._in_place import for_each
from ._playback import TRACK_RATE, Playback, to_track_format
from ._synthesis import Synthesis, Text
from ._voices import Voices

__all__ = ["DeepgramTTS"]

_DEFAULT_RATE = 24_000
_TELEPHONE_RATE = 8_000
_MOST_VOICES = 4
# How much text may wait until it is clear how its pieces are joined, in characters. Aura speaks after a flush
# only, so it loses nothing; Flux would begin later.
_PATIENCE_V1 = 2000
_PATIENCE_V2 = 60


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
        expressivity: -2 to 2; Flux voices only.
        mip_opt_out: Keep the text out of the model improvement program.
        tag: Labels for the usage report.
        container: ``none``; Aura voices only.
        extra: Further query parameters by name, unchecked.
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
        expressivity: int | None = None,
        mip_opt_out: bool | None = None,
        tag: Sequence[str] | str | None = None,
        container: str | None = None,
        extra: dict[str, Any] | None = None,
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
        with named_as(max_age_s="max_connection_age_sec"):
            self.settings = SpeakSettings() if age_s is None else SpeakSettings(max_age_s=age_s)
        self._parameters = {"mip_opt_out": mip_opt_out, "tag": listed(tag), "extra": extra or {}}
        self._of_v1 = {"container": container}
        self._of_v2 = {"expressivity": expressivity}
        self._voices: Voices | None = None
        self._syntheses: WeakSet[Synthesis] = WeakSet()
        self._closed = False
        # Checked here: a bad argument raises here, not at the first text.
        self._new_session(model)
        _check_unused(model, self._of_v1 if _is_flux(model) else self._of_v2)

    def reset_first_audio_tracking(self) -> None:
        """Do nothing: every synthesis keeps track of its own first audio."""

    async def prewarm(self) -> None:
        """Open the connection now, so that the first answer does not wait for it. Idempotent.

        Raises:
            SpeechwireError: There is no connection to be had.
        """
        if not self._closed:
            with (await self._voices_here()).use(self.model) as session:
                await session.prewarm()

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
        if self._closed:
            return
        track, synthesis = self.audio_track, self._begin()
        try:
            voices = await self._voices_here()
            async with voices.one_at_a_time:
                await self._play(synthesis, voices, text, voice_id or self.model, track)
        except SpeechwireError as error:
            if not synthesis.interrupted:
                report(self, error)
                raise

    def stream_synthesize(self, text_stream: Text, **kwargs: Any) -> AsyncGenerator[bytes]:
        """Yield the audio of ``text_stream`` as mono s16le at 24 kHz, the format of the output track.

        Touches neither the track nor the metrics. Ends at once after `interrupt`, also if that came before
        the first audio was asked for.

        Raises:
            SpeechwireError: The synthesis failed; what was yielded is not all. ``error`` was emitted as well.
        """
        return self._stream(self._begin(), text_stream, kwargs.get("voice_id") or self.model)

    async def interrupt(self) -> None:
        """Fall silent at once. `Clear` is sent in the background; nothing here waits for the network.

        What was asked for before this is over, whatever it waits for; what is asked for after it is heard.
        """
        self._interrupt_all()
        if self.audio_track:
            self.audio_track.interrupt()

    async def aclose(self) -> None:
        """Close the connections. A synthesis in progress ends. Idempotent.

        Raises:
            SessionClosed: The component is in use in another event loop, which is running.
        """
        self._closed = True
        self._interrupt_all()
        if self._voices is not None:
            await self._voices.aclose()
        forget_first_audio_callback(self)

    def _begin(self) -> Synthesis:
        synthesis = Synthesis()
        self._syntheses.add(synthesis)
        return synthesis

    def _interrupt_all(self) -> None:
        for synthesis in tuple(self._syntheses):
            synthesis.interrupt()

    async def _play(self, synthesis: Synthesis, voices: Voices, text: Text, voice: str, track: Any) -> None:
        playback = Playback(synthesis, track, self.encoding, self.sample_rate, self._tell_first_audio)
        with voices.use(voice) as session:
            over_before_it_began = synthesis.interrupted
            if over_before_it_began:
                return
            async with synthesis.request(voices, session, text, _patience(voice)) as request:
                await for_each(request.receive_each, playback.write)
            await playback.finish()

    async def _stream(self, synthesis: Synthesis, text: Text, voice: str) -> AsyncGenerator[bytes]:
        pipeline = to_track_format(self.encoding, self.sample_rate, TRACK_RATE)
        try:
            voices = await self._voices_here()
            with voices.use(voice) as session:
                over_before_it_began = synthesis.interrupted
                if over_before_it_began:
                    return
                async with synthesis.request(voices, session, text, _patience(voice)) as request:
                    async for received in request:
                        for piece in pipeline.push(received):
                            if synthesis.interrupted:
                                return
                            yield piece
                for piece in pipeline.flush():
                    if synthesis.interrupted:
                        return
                    yield piece
        except SpeechwireError as error:
            if synthesis.interrupted:
                return
            if not self._closed:
                report(self, error)
            raise

    async def _tell_first_audio(self) -> None:
        callback = first_audio_callback(self)
        if callback is not None:
            await callback()

    async def _voices_here(self) -> Voices:
        """The sessions of the running event loop; those of one that has ended are dropped."""
        if self._closed:
            raise SessionClosed("the component has been closed")
        voices = self._voices
        if voices is not None and voices.loop is not asyncio.get_running_loop():
            await voices.aclose()
            voices = None
        if voices is None:
            voices = self._voices = Voices(self._new_session, _MOST_VOICES)
        return voices

    def _new_session(self, voice: str) -> SpeakSession:
        flux = _is_flux(voice)
        parameters: dict[str, Any] = {
            "model": voice,
            "encoding": self.encoding,
            "sample_rate": self.sample_rate,
            "speed": self.speed,
            **self._parameters,
            **(self._of_v2 if flux else self._of_v1),
        }
        return SpeakSession(
            self.api_key,
            SpeakV2Options(**parameters) if flux else SpeakV1Options(**parameters),
            base_url=_base_url_for(flux, self.base_url),
            settings=self.settings,
            allow_insecure=self.allow_insecure,
        )


def _is_flux(voice: str) -> bool:
    return voice.startswith("flux-")


def _patience(voice: str) -> int:
    return _PATIENCE_V2 if _is_flux(voice) else _PATIENCE_V1


def _check_unused(voice: str, parameters: dict[str, Any]) -> None:
    """Tell about a parameter that the voice's endpoint does not have."""
    for name, value in parameters.items():
        if value is not None:
            raise InvalidArgument(name, value, f"None with {voice!r}: its endpoint has no such parameter")


def _base_url_for(flux: bool, base_url: str) -> str:
    """Return ``base_url`` with the path of the endpoint that speaks with the voice, if it names one."""
    ours, other = ("/v2/speak", "/v1/speak") if flux else ("/v1/speak", "/v2/speak")
    stem = base_url.removesuffix(other)
    return base_url if stem == base_url else stem + ours
