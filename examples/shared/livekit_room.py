"""A LiveKit room without a server: a caller's microphone goes in, what the agent plays comes out.

Everything between the two is the framework's own code. A real room does the same with WebRTC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from .caller import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Call

__all__ = ["Microphone", "Speaker"]

SPEAKER_RATE = 24_000
_PIECE = SPEAKER_RATE * FRAME_MS // 1000
_BYTES = 2
_MOST_LATE_S = 0.2

Hear = Callable[[np.ndarray], None]


class Microphone(io.AudioInput):
    """The caller: 48 kHz mono, 20 ms every 20 ms.

    Args:
        call: What is said.
        on_start: Called when the first frame is due: the conversation's 0 s.

    Attributes:
        over: Set when all has been said.
    """

    def __init__(self, call: Call, on_start: Callable[[], None]) -> None:
        super().__init__(label="caller")
        self.over = asyncio.Event()
        self._frames = call.mono.reshape(-1, FRAME_SAMPLES)
        self._on_start = on_start
        self._next = 0
        self._started_at = 0.0

    async def __anext__(self) -> rtc.AudioFrame:
        """Return the next frame when it is due."""
        if self._next == len(self._frames):
            self.over.set()
            raise StopAsyncIteration
        await self._wait_until_due()
        frame = rtc.AudioFrame(self._frames[self._next].tobytes(), SAMPLE_RATE, 1, FRAME_SAMPLES)
        self._next += 1
        return frame

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._next == 0:
            self._started_at = loop.time()
            self._on_start()
        await asyncio.sleep(self._started_at + self._next * FRAME_MS / 1000 - loop.time())


class Speaker(io.AudioOutput):
    """Plays what the agent says at real pace, and says how far it came when it is interrupted.

    Args:
        hear: Called with every 20 ms played: mono s16 at 24 kHz.
    """

    def __init__(self, hear: Hear) -> None:
        super().__init__(
            label="telephone",
            capabilities=io.AudioOutputCapabilities(pause=False),
            sample_rate=SPEAKER_RATE,
        )
        self._hear = hear
        self._waiting = bytearray()
        self._played_s = 0.0
        self._speaking = self._complete = self._deaf = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take audio of the current segment, faster than it is played."""
        await super().capture_frame(frame)
        if self._deaf:
            return  # what comes of a segment after its interruption
        self._speaking = True
        self._waiting += frame.data.tobytes()

    def flush(self) -> None:
        """The segment is complete."""
        super().flush()
        self._complete, self._deaf = self._speaking, False

    def clear_buffer(self) -> None:
        """Fall silent."""
        if self._speaking:
            self._deaf = not self._complete
            self._finish(interrupted=True)

    async def play(self) -> None:
        """Play for ever; cancel it to stop."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # A little lateness is made up for; a long standstill is not, as with a sound card.
            due = max(due + FRAME_MS / 1000, loop.time() - _MOST_LATE_S)
            await asyncio.sleep(due - loop.time())
            self._play_piece()

    def _play_piece(self) -> None:
        piece = bytes(self._waiting[: _PIECE * _BYTES])
        if not self._speaking or (len(piece) < _PIECE * _BYTES and not self._complete):
            return
        if not self._played_s:
            self.on_playback_started(created_at=time.time())
        del self._waiting[: len(piece)]
        self._played_s += len(piece) / _BYTES / SPEAKER_RATE
        self._hear(np.frombuffer(piece, dtype="<i2"))
        if self._complete and not self._waiting:
            self._finish(interrupted=False)

    def _finish(self, *, interrupted: bool) -> None:
        played_s, self._played_s = self._played_s, 0.0
        self._waiting.clear()
        self._speaking = self._complete = False
        self.on_playback_finished(playback_position=played_s, interrupted=interrupted)
