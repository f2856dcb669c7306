"""An engine that recognises numbers in the audio, so that lost and repeated audio can be counted.

A word is about a quarter of a second of samples with one value, which encodes the word: a number from 1 to
:data:`MOST_WORDS`. A turn of the words 3, 4, 5 is transcribed as ``3 4 5``. Audio that is sent again after a
reconnect gives the same words again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import numpy as np

from speechwire.emulator.engine import Heard, StreamInfo, Word

__all__ = ["MOST_WORDS", "Singer", "TaggedEngine", "TaggedRecognizer", "tone", "word_sample"]

MOST_WORDS: Final = 100
_STEP_S: Final = 0.05
_SETTLED_S: Final = 0.2
_SHORTEST_WORD_S: Final = 0.1
_PUNCTUATION: Final = ".,!?;:"


def word_sample(word: int) -> int:
    """The s16 value of a word, which is what mu-law's code of that number stands for (ITU-T G.711)."""
    inverted = ~word & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return int(-4 * magnitude if inverted & 0x80 else 4 * magnitude)


_WORDS: Final = {word_sample(word): str(word) for word in range(1, MOST_WORDS + 1)}


def tone(rate: int, seconds: float) -> bytes:
    """A continuous sine as s16le, 441 Hz: no two periods sampled alike within seconds."""
    at = np.arange(int(rate * seconds))
    return (12_000 * np.sin(2 * np.pi * 441.3 * at / rate)).astype("<i2").tobytes()


class TaggedRecognizer:
    """Hears words that are values of samples.

    Args:
        rate: Hz of the audio.
        word_of: Names the word that a sample stands for, cased and punctuated; None for silence.
    """

    def __init__(self, rate: int, word_of: Callable[[int], str | None] = _WORDS.get) -> None:
        self._word_of = word_of
        self._step_bytes = 2 * round(rate * _STEP_S)
        self._rest = b""
        self._steps = 0
        self._words: list[Word] = []
        self._open: tuple[str, float] | None = None
        self._silent_since_s: float | None = None
        self._settled = True

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        """Report every 50 ms of audio."""
        self._rest += pcm
        size = self._step_bytes
        whole = len(self._rest) - len(self._rest) % size
        data, self._rest = self._rest[:whole], self._rest[whole:]
        return [self._step(data[at : at + size]) for at in range(0, whole, size)]

    def _step(self, step: bytes) -> Heard:
        self._steps += 1
        now_s = self._steps * _STEP_S
        middle = len(step) // 4 * 2
        word = self._word_of(int.from_bytes(step[middle : middle + 2], "little", signed=True))
        if word is None:
            self._hear_silence(now_s)
        else:
            self._hear_word(word, now_s)
        silence_s = None if self._silent_since_s is None else now_s - self._silent_since_s
        if self._open is not None:
            silence_s = 0.0
        words = tuple(self._words)
        settled = silence_s is not None and silence_s >= _SETTLED_S and bool(words)
        if settled:
            self._words, self._settled = [], False
        confidence = min(1.0, (silence_s or 0.0) / 0.5)
        return Heard(now_s, words, settled=settled, silence_s=silence_s, end_of_turn=confidence)

    def _hear_silence(self, now_s: float) -> None:
        self._end_word(now_s - _STEP_S)
        if self._silent_since_s is None and (self._words or not self._settled):
            self._silent_since_s = now_s - _STEP_S

    def _hear_word(self, word: str, now_s: float) -> None:
        self._silent_since_s = None
        if self._open is None or self._open[0] != word:
            self._end_word(now_s - _STEP_S)
            self._open = word, now_s - _STEP_S

    def _end_word(self, end_s: float) -> None:
        if self._open is not None:
            word, start_s = self._open
            self._open = None
            if end_s - start_s >= _SHORTEST_WORD_S - 0.001:
                plain = word.strip(_PUNCTUATION).lower()
                self._words.append(Word(plain, start_s, end_s, 0.99, word))

    async def settle(self) -> Sequence[Heard]:
        """Report all that was heard, the open word included."""
        now_s = self._steps * _STEP_S
        self._end_word(now_s)
        words, self._words = tuple(self._words), []
        return [Heard(now_s, words, settled=True, silence_s=0.1, end_of_turn=0.1)]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """The audio says what is heard, whatever is favoured."""

    async def aclose(self) -> None:
        """Nothing is held."""


class Singer:
    """Speaks any text as one continuous tone whose length is the text's number of characters, in 0.1 s."""

    def __init__(self, rate: int) -> None:
        self._rate = rate

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield the tone in pieces of odd sizes."""
        audio = tone(self._rate, len(text) * 0.1)
        sizes = (2, 998, 4_000, 322)
        at = index = 0
        while at < len(audio):
            size = sizes[index % len(sizes)]
            yield audio[at : at + size]
            at, index = at + size, index + 1

    def set_speed(self, speed: float) -> None:
        """No effect."""


class TaggedEngine:
    """Hears counted words, at any sample rate, and sings answers."""

    name = "tagged"

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to release."""

    async def recognizer(self, stream: StreamInfo) -> TaggedRecognizer:
        """One for each stream."""
        return TaggedRecognizer(stream.sample_rate)

    async def synthesizer(self, stream: StreamInfo) -> Singer:
        """One for each stream."""
        return Singer(stream.sample_rate)
