"""Decides what to do when the caller stops pushing in the middle of speech. Without a clock."""

from __future__ import annotations

import math
from typing import Final

from speechwire.audio.ring import AudioRing

__all__ = ["Pause"]

_STEP_S: Final = 0.25
_LATER_S: Final = 0.1
_LEAST_SILENCE_S: Final = 1.0  # in every pause, as the last words may not have been reported yet
_MOST_AT_ONCE_S: Final = 1.0


class Pause:
    """One connection's view of the caller's pauses. A pause ends with the next push.

    Args:
        after_s: A pause begins after this many seconds without audio; ``None`` for never.
        ring: Records when the caller pushes.
    """

    __slots__ = ("_after_s", "_begun", "_look_at", "_over", "_ring", "_silent_to")

    def __init__(self, after_s: float | None, ring: AudioRing) -> None:
        self._after_s = math.inf if after_s is None else after_s
        self._ring = ring
        self._begun = self._over = 0 if ring.pushes == 0 else -1  # of the pause after so many pushes
        self._look_at = -math.inf
        self._silent_to = -math.inf  # the time up to which silence was inserted

    def stopped_at(self) -> float:
        """When the next piece of audio was due; pauses count from there."""
        return self._ring.last_push_at + self._ring.piece_s

    def due_at(self) -> float:
        """The next time at which there may be something to do; infinite if never in this pause."""
        if self._over == self._ring.pushes:
            return math.inf
        return max(self.stopped_at() + self._after_s, self._silent_to + _STEP_S, self._look_at)

    def is_due(self, now: float) -> bool:
        """Whether the caller has paused and something remains to be done."""
        return now >= self.due_at()

    def begins(self) -> bool:
        """True once in each pause."""
        begins, self._begun = self._begun != self._ring.pushes, self._ring.pushes
        return begins

    def look_later(self, now: float) -> None:
        """Look again later: audio still waits to be sent, so no silence can be inserted yet."""
        self._look_at = now + _LATER_S

    def over(self) -> None:
        """Do nothing more before the next push."""
        self._over = self._ring.pushes

    def silence_s(self, now: float, longest_s: float) -> float:
        """Seconds of silence to insert now, as if the caller had gone on; 0 once the pause is long enough.

        Args:
            now: The time.
            longest_s: The most silence in this pause, in seconds; values below 1 count as 1.
        """
        stopped_at = self.stopped_at()
        begin = max(stopped_at, self._silent_to)
        if begin - stopped_at >= max(longest_s, _LEAST_SILENCE_S):
            self.over()
            return 0.0
        self._silent_to = now
        return min(now - begin, _MOST_AT_ONCE_S)
