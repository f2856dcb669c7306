"""One clock for all streams, on an absolute schedule."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence

from benches.python.streams.audio import FRAME_S

__all__ = ["SLOTS", "Feed", "Ticker"]

SLOTS = 5
"""The streams' frames come spread over the 20 ms, as those of callers who know nothing of each other."""

Feed = Callable[[bytes], None]


class Ticker:
    """Gives every stream a frame each 20 ms; a slot of streams every 4 ms.

    Stream ``i`` belongs to slot ``i % SLOTS``; frame ``k`` is due at ``start_s + offset_s(i) + k * 20 ms``.

    Args:
        feeds: Takes a frame, per stream; must not wait.
        frames: What they are given, in turn.
        start_s: On `time.monotonic`'s clock.

    Attributes:
        lags_s: How late each slot was.
    """

    def __init__(self, feeds: Sequence[Feed], frames: Sequence[bytes], start_s: float) -> None:
        self._slots = [feeds[slot::SLOTS] for slot in range(SLOTS)]
        self._frames = frames
        self._done = 0
        self.lags_s: array[float] = array("d")
        self.start_s = start_s

    @staticmethod
    def offset_s(stream: int) -> float:
        """How long after the first stream's frames this one's are due."""
        return stream % SLOTS * FRAME_S / SLOTS

    @property
    def lag_s(self) -> float:
        """How long the next slot has been due."""
        return max(0.0, time.monotonic() - self._due_s())

    @property
    def ticks(self) -> int:
        """How many frames the first stream was given."""
        return -(-self._done // SLOTS)

    async def until(self, end_s: float) -> None:
        """Run to ``end_s`` of the clock, wherever in the schedule that finds it: a saturated loop is late."""
        while self._due_s() < end_s and time.monotonic() < end_s:
            await asyncio.sleep(max(0.0, self._due_s() - time.monotonic()))
            self.lags_s.append(time.monotonic() - self._due_s())
            tick, slot = divmod(self._done, SLOTS)
            frame = self._frames[tick % len(self._frames)]
            for feed in self._slots[slot]:
                feed(frame)
            self._done += 1

    def _due_s(self) -> float:
        return self.start_s + self._done * FRAME_S / SLOTS
