"""Numbered chunks in order, where the network does not keep it."""

from __future__ import annotations

from typing import Final

__all__ = ["Reorder"]

_MOST_MISSING: Final = 50


class Reorder:
    """Gives chunks back in the order of their numbers.

    A chunk that is ahead of its turn waits for those before it, at most until ``depth`` wait; then what is
    missing is given up, and silence of the same length stands in for it, so that time stays right. What comes
    too late or twice is left out.

    Args:
        depth: How many chunks may wait. With 20 ms chunks five are 100 ms.
        silence: The byte of which silence is made.
        first: The number of the first chunk where the protocol says it; a stream that begins with another
            waits for it like for any that is missing.

    Attributes:
        lost: Chunks that never came.
        late: Chunks left out.
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
        """Take a chunk; return those whose turn it is."""
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
        """Return all that waits, in order; the end of the stream."""
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
        """Go on with the first that waits, after silence for what is missing before it."""
        first = min(self._waiting)
        missing = first - self._next
        size = len(self._waiting[first])
        self._next = first
        if not self._begun:  # the numbers began elsewhere
            self._begun = True
            return []
        self.lost += missing
        return [self._silence * size] * min(missing, _MOST_MISSING)
