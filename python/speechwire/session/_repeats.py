"""Recognises words that a replay has repeated. Without I/O.

If a result was forced in the middle of a word, a replay begins a little earlier, else the word could be lost.
The words before the cut are then transcribed again, with nearly the same times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["RUN_UP_S", "LastWord"]

WordT = TypeVar("WordT")

RUN_UP_S: Final = 1.0
"""How many seconds before a forced cut a replay begins: the length of a long word."""

_SAME_WORD: Final = 0.5


class LastWord:
    """The last word that was delivered, on the caller's clock; all words before it were delivered as well."""

    def __init__(self) -> None:
        self.start = self.end = 0.0

    def deliver(self, start: float, end: float) -> None:
        """Take note of a word."""
        if end > self.end:
            self.start, self.end = start, end

    def repeats(self, start: float, end: float) -> bool:
        """Whether a word was delivered before: it lies before the last one, or mostly overlaps it."""
        if self.end <= 0.0:
            return False
        if (start + end) / 2 < self.end:
            return True
        return min(end, self.end) - max(start, self.start) >= _SAME_WORD * (self.end - self.start)

    def new(self, words: Sequence[WordT], times: Callable[[WordT], tuple[float, float]]) -> Sequence[WordT]:
        """The words without those that were delivered before; the same object if all are new."""
        fresh = [word for word in words if not self.repeats(*times(word))]
        return words if len(fresh) == len(words) else fresh
