"""What one connection hears: which words, and where on the connection's own clock."""

from __future__ import annotations

from tests.model.hearing import Span
from tests.session.counted import RATE

__all__ = ["QUARTER", "Ears", "Heard"]

QUARTER = RATE // 4

# Within its quarter a word begins and ends here. One cut in two belongs to the result that has its middle.
WORD_BEGINS, WORD_MIDDLE, WORD_ENDS = 200, 1900, 3600

# A word is still understood without this much of its beginning.
ONSET = 800


class Heard:
    """A word as one connection heard it; times are the connection's, in samples."""

    __slots__ = ("begin", "end", "number")

    def __init__(self, number: int, begin: int, end: int) -> None:
        self.number = number
        self.begin = begin
        self.end = end

    def __repr__(self) -> str:
        return str(self.number)


class Ears:
    """Words out of tagged audio.

    Args:
        spoken: The numbers of the words there are.
        joined_late: Takes the numbers of words whose beginning was not heard.
        onset: Whether such words are missed.

    Attributes:
        position: Samples heard on this connection, silence of whoever sent it included.
        expected: The caller's sample that continues the last one.
        pieces: What was heard of the caller's audio.
        words: What was understood and is in no final result yet.
        heard: Every word that was understood, or of which too little came.
    """

    def __init__(self, spoken: set[int], joined_late: set[int], *, onset: bool) -> None:
        self.spoken, self.joined_late, self.onset = spoken, joined_late, onset
        self.position = 0
        self.expected: int | None = None
        self.pieces: list[tuple[int, int]] = []
        self.words: list[Heard] = []
        self.heard: set[int] = set()
        self.understood: set[int] = set()
        self.begun: dict[int, int] = {}
        self.late: set[int] = set()
        self.last_word_end = 0

    def listen(self, span: Span) -> None:
        start, samples = span
        if start is None:
            self.cut()
        else:
            self._remember(start, start + samples)
            self._recognise(start, start + samples)
            self.expected = start + samples
        self.position += samples

    def _remember(self, begin: int, end: int) -> None:
        if self.pieces and self.pieces[-1][1] == begin:
            self.pieces[-1] = (self.pieces[-1][0], end)
        else:
            self.pieces.append((begin, end))

    def _recognise(self, begin: int, end: int) -> None:
        for number in range(begin // QUARTER, (end - 1) // QUARTER + 1):
            if number in self.spoken:
                first, last = number * QUARTER + WORD_BEGINS, number * QUARTER + WORD_ENDS
                if end > first and begin < last:
                    self._hear_word(number, begin, min(end, last), first)
                    if end >= last:
                        self._understand(number, self.position + last - begin)

    def _hear_word(self, number: int, begin: int, end: int, first: int) -> None:
        if number not in self.begun:
            self.begun[number] = self.position + max(first - begin, 0)
            if begin > first + ONSET:
                self.late.add(number)
                self.joined_late.add(number)
            if begin > number * QUARTER + WORD_MIDDLE:
                self.heard.add(number)  # too little of it is left
        self.last_word_end = self.position + end - begin

    def _understand(self, number: int, end: int) -> None:
        if number in self.heard or (self.onset and number in self.late):
            return
        self.heard.add(number)
        self.understood.add(number)
        self.words.append(Heard(number, self.begun[number], end))

    @property
    def word_under_way(self) -> int | None:
        """The word that has begun and not ended."""
        number, within = divmod(self.expected or 0, QUARTER)
        return number if number in self.begun and within < WORD_ENDS else None

    def cut(self) -> None:
        """A result ends here: a word whose middle has passed is in it."""
        number, within = divmod(self.expected or 0, QUARTER)
        if number in self.begun and WORD_MIDDLE <= within < WORD_ENDS:
            self._understand(number, self.position)

    @property
    def quiet(self) -> int:
        """Samples since the last word."""
        return self.position - self.last_word_end
