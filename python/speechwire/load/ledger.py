"""Compares the counted words that one caller sent with those transcribed: each must come back once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

__all__ = ["MOST_WORDS", "TURN_WORDS", "Ledger", "Script"]

MOST_WORDS: Final = 100
TURN_WORDS: Final = 8
WORD_MS: Final = 240
PAUSE_MS: Final = 1200
_MOST_OPEN_TURNS: Final = 64


class Script:
    """The frames of a call: turns of eight counted words, 240 ms each, and 1.2 s of silence between them.

    Args:
        frame_ms: A divisor of 240.
        first: The number of the first word, from 0; callers begin at different ones.
    """

    def __init__(self, frame_ms: int, first: int) -> None:
        self.first = first
        self._word_frames = WORD_MS // frame_ms
        self._turn_frames = TURN_WORDS * self._word_frames + PAUSE_MS // frame_ms

    def word(self, index: int) -> int:
        """The word of a frame, 1 to 100; 0 for silence."""
        turn, within = divmod(index, self._turn_frames)
        position = within // self._word_frames
        if position >= TURN_WORDS:
            return 0
        return (self.first + turn * TURN_WORDS + position) % MOST_WORDS + 1

    def words_said(self, frames: int) -> int:
        """How many words so many frames hold, those of an open turn included."""
        turns, within = divmod(frames, self._turn_frames)
        return turns * TURN_WORDS + min(TURN_WORDS, within // self._word_frames)

    def turn_ended(self, index: int) -> bool:
        """Whether the frame is the last with a word of its turn."""
        return index % self._turn_frames == TURN_WORDS * self._word_frames - 1


@dataclass(slots=True)
class Ledger:
    """Counts lost words and those that came twice.

    Words are counted modulo 100, which is half a minute of speech. A step back of less than 50 counts as a
    repetition, any other step as a gap.

    Attributes:
        words: Words sent in turns that ended, or until the call ended.
        heard: Words transcribed.
        lost: Words missing between transcribed words.
        twice: Words transcribed again.
        strange: Transcribed words that are not numbers: the service is not the tagged engine.
    """

    first: int
    words: int = 0
    heard: int = 0
    lost: int = 0
    twice: int = 0
    strange: int = 0
    _next: int = 0
    _ended: deque[tuple[int, float]] | None = None

    def turn_said(self, now_s: float) -> None:
        """The last sound of a turn was sent."""
        self.words += TURN_WORDS
        if self._ended is None:
            self._ended = deque(maxlen=_MOST_OPEN_TURNS)
        self._ended.append((self.words, now_s))

    def turn_heard(self, transcript: str, now_s: float) -> float | None:
        """A turn was transcribed; return its delay after the last sound, in seconds, if it is complete."""
        for text in transcript.split():
            if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_WORDS:
                self._word(int(text) - 1)
            else:
                self.strange += 1
        delay_s = None
        while self._ended and self._ended[0][0] <= self._next:
            words, ended_s = self._ended.popleft()
            delay_s = now_s - ended_s if words == self._next else None
        return delay_s

    def cut(self, words: int) -> None:
        """The call was ended by the server after `words` words, including those of an open turn."""
        self.words = max(self.words, words)

    def settle(self) -> None:
        """The call is over: count words that were not transcribed as lost."""
        self.lost += max(0, self.words - self._next)
        self._next = max(self._next, self.words)

    def _word(self, number: int) -> None:
        skipped = (number - self.first - self._next) % MOST_WORDS
        if skipped >= MOST_WORDS // 2:
            self.twice += 1
            return
        self.heard += 1
        self.lost += skipped
        self._next += skipped + 1
