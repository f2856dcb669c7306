"""The words of the open turn or span, gathered from a recognizer's reports."""

from __future__ import annotations

from speechwire.emulator.engine import Heard, Word

__all__ = ["Transcript"]

# Word times and boundaries come from the same audio clock but from different divisions.
_EPSILON_S = 1e-6


class Transcript:
    """Words that start at or after the last cut, settled ones first.

    A cut is by time: what began before it was reported then, and is never reported again even when a
    recognizer goes on revising it.
    """

    def __init__(self) -> None:
        self._settled: tuple[Word, ...] = ()
        self._open: tuple[Word, ...] = ()
        self._since_s = 0.0

    @property
    def words(self) -> tuple[Word, ...]:
        """All words since the last cut."""
        return self._settled + self._open

    def hear(self, heard: Heard) -> None:
        """Take one report; its words replace those of the reports since the last settled one."""
        fresh = self._after_cut(heard.words)
        self._settled, self._open = (self._settled + fresh, ()) if heard.settled else (self._settled, fresh)

    def cut(self, time_s: float) -> None:
        """Forget everything that started before ``time_s``."""
        self._since_s = time_s
        self._settled = self._after_cut(self._settled)
        self._open = self._after_cut(self._open)

    def _after_cut(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return tuple(word for word in words if word.start_s >= self._since_s - _EPSILON_S)
