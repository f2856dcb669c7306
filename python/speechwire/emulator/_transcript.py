"""The words of the open turn or span, gathered from a recognizer's reports."""

from __future__ import annotations

from speechwire.emulator.engine import Heard, Word

__all__ = ["Transcript"]

# A recognizer moves word boundaries by a few 10 ms frames as it goes on listening.
_TOLERANCE_S = 0.03


class Transcript:
    """Words that have not been reported as final, settled ones first.

    Reported words are recognised by time: a word that starts before the end of the last reported word is not
    returned again, even if the recognizer revises it.
    """

    def __init__(self) -> None:
        self._settled: tuple[Word, ...] = ()
        self._open: tuple[Word, ...] = ()
        self._reported_s = 0.0

    @property
    def words(self) -> tuple[Word, ...]:
        """All words not yet reported."""
        return self._settled + self._open

    @property
    def settled(self) -> bool:
        """Whether none of them can change any more."""
        return not self._open

    def hear(self, heard: Heard) -> None:
        """Take one report; its words replace those of the reports since the last settled one."""
        fresh = self._unreported(heard.words)
        self._settled, self._open = (self._settled + fresh, ()) if heard.settled else (self._settled, fresh)

    def report(self, words: tuple[Word, ...]) -> None:
        """These, the first of :attr:`words`, were reported as final."""
        if words:
            self._reported_s = words[-1].end_s
        self._settled = self._unreported(self._settled)
        self._open = self._unreported(self._open)

    def _unreported(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return tuple(word for word in words if word.start_s >= self._reported_s - _TOLERANCE_S)
