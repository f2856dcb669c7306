"""A plugin that speaks, its track, and a fake service, in virtual time.

The track here keeps every byte it is given: a track that is asked what it would play may have been cleared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tests.session.fake_voice import FakeAura, FakeFlux, FakeVoice, spoken
from tests.virtual_time import VirtualTimeLoop
from videosdk.plugins.deepgram import DeepgramTTS, tts

from speechwire.session import SpeakSession
from speechwire.transport import MemoryTransport

from .conftest import KEY

_module: Any = tts
OLD = "This is the old answer, which takes its time. "
VOICES: dict[str, Callable[..., FakeVoice]] = {"aura-2-thalia-en": FakeAura, "flux-alexis-en": FakeFlux}


class Track:
    """Keeps what it is given; ``gate`` is awaited before the piece of that number is taken."""

    sample_rate = 24_000

    def __init__(self) -> None:
        self.written = b""
        self.at_interruption: int | None = None
        self.count = 0
        self.gates: dict[int, asyncio.Event] = {}
        self.waiting = asyncio.Event()

    async def add_new_bytes(self, audio: bytes) -> None:
        self.count += 1
        self.written += audio
        if self.count in self.gates:
            self.waiting.set()
            await self.gates[self.count].wait()

    def interrupt(self) -> None:
        self.at_interruption = len(self.written)

    @property
    def since_interruption(self) -> bytes:
        assert self.at_interruption is not None
        return self.written[self.at_interruption :]


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(asyncio.wait_for(work(), 600))


class Stage:
    """A plugin, its track, and a fake service, in virtual time."""

    def __init__(self, model: str = "aura-2-thalia-en", latency_s: float = 0.05, **arguments: Any) -> None:
        self.service = VOICES[model](latency_s=latency_s)
        self.transport = MemoryTransport(self.service)
        _module.SpeakSession = partial(SpeakSession, transport=self.transport)
        self.tts = DeepgramTTS(api_key=KEY, model=model, **arguments)
        self.tts.loop = asyncio.get_running_loop()
        self.track = self.tts.audio_track = Track()

    async def says(self, text: str) -> None:
        """The next answer is heard, and nothing else since the interruption."""
        await self.tts.synthesize(text)
        assert self.track.since_interruption == padded(spoken(text))
        await self.close()

    async def close(self) -> None:
        await self.tts.aclose()
        await self.transport.aclose()
        _module.SpeakSession = SpeakSession
        assert asyncio.all_tasks() == {asyncio.current_task()} | caller()


def padded(pcm: bytes) -> bytes:
    return pcm + bytes(-len(pcm) % 960)


def caller() -> set[asyncio.Task[Any]]:
    """The task of `run`, which waits for the one of the test."""
    return {task for task in asyncio.all_tasks() if "wait_for" in repr(task.get_coro())}
