"""Those who speak: requests at the pace of speech, checked to the sample, some of them interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final, Protocol

from benches.python.soak.ledger import Ledger
from benches.python.soak.lines import KEY
from videosdk.plugins.deepgram import DeepgramTTS

from speechwire.emulator import tag_of
from speechwire.errors import SpeechwireError
from speechwire.session import SessionPool, SpeakSession

__all__ = ["SPEAKING", "VoiceCaller"]

_BYTES_PER_S = 48_000
_SAMPLES_PER_CHARACTER = round(0.06 * 24_000)
_INTERRUPT_EVERY = 5
_TRACK_FRAME = 960


class Voice(Protocol):
    """Speaks one text after the other."""

    padding: int

    async def say(self, text: str, *, interrupt: bool) -> bytes:
        """Return the audio of ``text``; when interrupted, what came before."""

    async def hang_up(self) -> None:
        """Close."""


class SessionVoice:
    """A speaking session."""

    padding = 1

    def __init__(self, pool: SessionPool, base_url: str) -> None:
        self._session: SpeakSession = pool.speak()

    async def say(self, text: str, *, interrupt: bool) -> bytes:
        request, pcm = self._session.request(), bytearray()
        request.push(text)
        request.end()
        async for piece in request:
            pcm += piece
            if interrupt:
                request.interrupt()
        return bytes(pcm)

    async def hang_up(self) -> None:
        await self._session.aclose()


class PluginVoice:
    """The plugin, with a track that notes what it is given."""

    padding = _TRACK_FRAME

    def __init__(self, pool: SessionPool, base_url: str) -> None:
        self._track = Track()
        self._tts = DeepgramTTS(api_key=KEY, base_url=f"{base_url}/v1/speak")
        self._tts.loop = asyncio.get_running_loop()
        self._tts.audio_track = self._track

    async def say(self, text: str, *, interrupt: bool) -> bytes:
        self._track.pcm.clear()
        self._track.first.clear()
        speaking = asyncio.create_task(self._tts.synthesize(text))
        if interrupt:
            first = asyncio.create_task(self._track.first.wait())
            await asyncio.wait({first, speaking}, return_when=asyncio.FIRST_COMPLETED)
            first.cancel()
            await self._tts.interrupt()
        await speaking
        return bytes(self._track.pcm)

    async def hang_up(self) -> None:
        await self._tts.aclose()


class Track:
    """What the plugin needs of the framework's output track."""

    sample_rate = 24_000

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.first = asyncio.Event()

    async def add_new_bytes(self, audio: bytes) -> None:
        self.pcm += audio
        self.first.set()

    def interrupt(self) -> None:
        """What was taken was heard."""


SPEAKING: Final[dict[str, Callable[[SessionPool, str], Voice]]] = {
    "SpeakSession": SessionVoice,
    "DeepgramTTS": PluginVoice,
}


class VoiceCaller:
    """Has texts spoken, one call after the other, each text at the pace it would be heard at.

    Args:
        open_voice: Makes the voice of one call.
        ledger: Where it counts.
        name: In every text, so that no two streams speak the same.
        call_s: Mean length of a call.
        stopping: Set when no further text shall be begun.
    """

    def __init__(
        self,
        open_voice: Callable[[], Voice],
        ledger: Ledger,
        name: str,
        call_s: float,
        stopping: asyncio.Event,
    ) -> None:
        self._open_voice = open_voice
        self._ledger = ledger
        self._name = name
        self._call_s = call_s
        self._stopping = stopping
        self._random = random.Random(name)
        self._texts = 0

    async def run(self) -> None:
        """Call until told to stop."""
        while not self._stopping.is_set():
            await self._call()

    async def _call(self) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._call_s * self._random.uniform(0.5, 1.5)
        voice = self._open_voice()
        try:
            while loop.time() < until_s and not self._stopping.is_set():
                await self._speak(voice)
        except (SpeechwireError, RuntimeError) as error:
            self._ledger.failed += 1
            self._ledger.complain(f"{self._name}: {type(error).__name__}: {error}")
        ended_s = loop.time()
        await voice.hang_up()
        self._ledger.slowest_end_s = max(self._ledger.slowest_end_s, loop.time() - ended_s)
        self._ledger.calls += 1

    async def _speak(self, voice: Voice) -> None:
        began_s = asyncio.get_running_loop().time()
        self._texts += 1
        text = f"This is text {self._texts} of {self._name}, said for as long as it takes."
        interrupt = self._texts % _INTERRUPT_EVERY == 0
        self._ledger.expected += 1
        pcm = await voice.say(text, interrupt=interrupt)
        self._check(text, pcm, voice.padding, interrupt)
        await self._listen(began_s + len(pcm) / _BYTES_PER_S)

    def _check(self, text: str, pcm: bytes, padding: int, interrupt: bool) -> None:
        spoken = tag_of(text).to_bytes(2, "little") * (len(text) * _SAMPLES_PER_CHARACTER)
        whole = spoken + bytes(-len(spoken) % padding)
        if pcm == whole or (interrupt and pcm and whole.startswith(pcm)):
            self._ledger.delivered += 1
            return
        if whole.startswith(pcm):
            self._ledger.missing += 1
        elif pcm.startswith(whole):
            self._ledger.doubled += 1
        else:
            self._ledger.foreign += 1
        self._ledger.complain(f"{self._name}: {len(pcm)} bytes for {len(whole)} of {text!r}")

    async def _listen(self, until_s: float) -> None:
        """Wait as long as it takes to hear it, or for the end of everything."""
        left_s = until_s - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(left_s, 0.0))
