"""Puts numbered chunks in order, where the network may change it."""

from __future__ import annotations

from typing import Final

__all__ = ["Reorder"]

_MOST_MISSING: Final = 50


class Reorder:
    """Returns chunks in the order of their numbers.

    A chunk that comes early waits for those before it. When ``depth`` chunks wait, the missing chunks are
    given up. Silence of the same length replaces them, for at most 50 chunks, so that positions stay right.
    No silence is added before the first chunk. A chunk that comes too late or twice is dropped.

    Args:
        depth: How many chunks may wait. With 20 ms chunks, 5 are 100 ms.
        silence: The byte that encodes silence.
        first: The number of the first chunk. A stream that begins with a later number waits as for any
            missing chunk.

    Attributes:
        lost: Chunks given up.
        late: Chunks dropped because they came late or twice.
    """

    def __init__(self, *, depth: int = 5, silence: bytes = b"\0", first: int = 1) -> None:
        self.lost = 0
        self.late = 0
        self._depth = depth
        self._silence = silence
        self._next = first
        self._begun = False
        self._waiting: dict[int, bytes] = {}

    def push(self, number: int, data: bytes) -> list[bytes]:
        """Take a chunk; return those that are next in order."""
        if number == self._next and not self._waiting:
            self._next += 1
            self._begun = True
            return [data]
        if number < self._next or number in self._waiting:
            self.late += 1
            return []
        self._waiting[number] = data
        return self._ready()

    def flush(self) -> list[bytes]:
        """Return all chunks that wait, in order, at the end of the stream."""
        ready = []
        while self._waiting:
            ready += self._give_up() + self._run()
        return ready

    def _ready(self) -> list[bytes]:
        ready = self._run()
        while len(self._waiting) >= self._depth:
            ready += self._give_up() + self._run()
        return ready

    def _run(self) -> list[bytes]:
        run = []
        while self._next in self._waiting:
            run.append(self._waiting.pop(self._next))
            self._next += 1
        return run

    def _give_up(self) -> list[bytes]:
        """Give up the chunks missing before the first one that waits; return silence for them."""
        first = min(self._waiting)
        missing = first - self._next
        size = len(self._waiting[first])
        self._next = first
        if not self._begun:  # the stream's first number was not `first`: nothing is missing
            self._begun = True
            return []
        self.lost += missing
        return [self._silence * size] * min(missing, _MOST_MISSING)
