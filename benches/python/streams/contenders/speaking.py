"""``DeepgramTTS``, ours or the incumbent's: every stream says a sentence again and again.

The clock's ticks count the time until the next sentence; the audio goes to a track that only counts it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benches.python.streams.contenders.base import Setup, key
from benches.python.streams.contenders.framework import in_context, session_context
from benches.python.streams.sink import Sink
from benches.python.streams.ticker import Feed
from videosdk.plugins.deepgram import DeepgramTTS

__all__ = ["idle", "stream"]

# Spoken in less than the time to the next one; the service takes at most 20 flushes a minute.
_TEXT = "The train to the coast leaves at nine from platform two."
_TICKS = 200


class Track:
    """The framework's audio track, as far as a TTS uses it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def add_new_bytes(self, data: bytes) -> None:
        """Take what is to be played."""
        self._sink.hear(data)

    def interrupt(self) -> None:
        """Drop what has not been played."""


class _Metronome:
    """Calls every so many ticks; streams do not begin together."""

    def __init__(self, call: Any, phase: int) -> None:
        self._call = call
        self._ticks = phase

    def __call__(self, frame: bytes) -> None:
        self._ticks = (self._ticks + 1) % _TICKS
        if self._ticks == 0:
            self._call()


class SpeakingStream:
    """A plugin in a session's context."""

    def __init__(self, base_url: str, index: int, sink: Sink) -> None:
        self._plugin: Any = DeepgramTTS(api_key=key(index), base_url=f"{base_url}/v1/speak")
        self._plugin.audio_track, self._plugin.loop = Track(sink), asyncio.get_running_loop()
        self._plugin.on("error", sink.complain)
        self._context = session_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self.feed: Feed = _Metronome(self._say, index * 7 % _TICKS)

    async def connect(self) -> int:
        await in_context(self._plugin.prewarm(), self._context)
        return 0

    async def close(self) -> None:
        await in_context(self._plugin.aclose(), self._context)

    def _say(self) -> None:
        coroutine = self._plugin.synthesize(_TEXT)
        task = asyncio.get_running_loop().create_task(coroutine, context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def stream(name: str, setup: Setup, index: int) -> SpeakingStream:
    """Make a plugin."""
    return SpeakingStream(setup.base_url, index, setup.sink)


def idle(name: str) -> Feed:
    """Pacing for a metronome."""
    return _Metronome(lambda: None, 0)
