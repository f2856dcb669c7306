"""One clock for all streams, on an absolute schedule."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence

from benches.python.streams.audio import FRAME_S

__all__ = ["SLOTS", "STARTS", "Feed", "Ticker"]

SLOTS = 5
"""The streams' frames come spread over the 20 ms, as those of callers who know nothing of each other."""

STARTS = 25
"""Their first frames come spread over half a second: else all chunks of all streams would be due at once."""

Feed = Callable[[bytes], None]


class Ticker:
    """Gives every stream a frame each 20 ms; a slot of streams every 4 ms.

    Stream ``i`` belongs to slot ``i % SLOTS`` and begins with tick ``i // SLOTS % STARTS``; its frame ``k``
    is due at ``start_s + offset_s(i) + k * 20 ms``.

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
        return stream % SLOTS * FRAME_S / SLOTS + _first_tick(stream) * FRAME_S

    @property
    def lag_s(self) -> float:
        """How long the next slot has been due."""
        return max(0.0, time.monotonic() - self._due_s())

    def given(self, stream: int) -> int:
        """How many frames a stream was given."""
        return max(0, (self._done - stream % SLOTS - 1) // SLOTS + 1 - _first_tick(stream))

    async def until(self, end_s: float) -> None:
        """Run to ``end_s`` of the clock, wherever in the schedule that finds it: a saturated loop is late."""
        while self._due_s() < end_s and time.monotonic() < end_s:
            await asyncio.sleep(max(0.0, self._due_s() - time.monotonic()))
            self.lags_s.append(time.monotonic() - self._due_s())
            tick, slot = divmod(self._done, SLOTS)
            frame = self._frames[tick % len(self._frames)]
            for feed in self._begun(tick, slot):
                feed(frame)
            self._done += 1

    def _begun(self, tick: int, slot: int) -> Sequence[Feed]:
        feeds = self._slots[slot]
        return feeds if tick >= STARTS else [feed for i, feed in enumerate(feeds) if i % STARTS <= tick]

    def _due_s(self) -> float:
        return self.start_s + self._done * FRAME_S / SLOTS


def _first_tick(stream: int) -> int:
    return stream // SLOTS % STARTS
