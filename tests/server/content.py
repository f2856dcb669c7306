"""An engine that hears what is in the audio, so that audio sent again after a reconnect says the same again.

Speech is mu-law of one code for a quarter of a second, and the code is the word; silence is silence. A turn
of words 3, 4, 5 is transcribed as ``3 4 5``, whatever connections it came over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from speechwire.emulator import Heard, StreamInfo, Word
from speechwire.emulator._audio_format import encode

__all__ = ["SILENCE", "WORD_BYTES", "ContentEngine", "Singer", "in_encoding", "spoken", "tone"]

RATE = 8000
WORD_BYTES = RATE // 4
SILENCE = b"\xff"
MOST_WORDS = 100
_STEP = RATE // 50


def spoken(words: Sequence[int], *, pause_s: float = 1.0) -> bytes:
    """The audio of a turn, and the silence after it, in mu-law."""
    said = b"".join(bytes([word]) * WORD_BYTES for word in words)
    return said + SILENCE * int(RATE * pause_s)


def tone(rate: int, seconds: float) -> bytes:
    """A continuous sine as s16le, 441 Hz: no two periods sampled alike within seconds."""
    at = np.arange(int(rate * seconds))
    return (12_000 * np.sin(2 * np.pi * 441.3 * at / rate)).astype("<i2").tobytes()


def _levels() -> dict[int, int]:
    """The word of each sample value."""
    codes = np.arange(1, MOST_WORDS + 1)
    inverted = ~codes & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    values = np.where(inverted & 0x80, -4, 4) * magnitude
    return {int(value): int(code) for value, code in zip(values, codes, strict=True)}


_WORD_OF = _levels()


class _Recognizer:
    def __init__(self) -> None:
        self._rest = b""
        self._steps = 0
        self._words: list[Word] = []
        self._open: tuple[int, float] | None = None
        self._silent_since_s: float | None = None
        self._settled = True

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        self._rest += pcm
        size = _STEP * 2
        whole = len(self._rest) - len(self._rest) % size
        data, self._rest = self._rest[:whole], self._rest[whole:]
        return [self._step(data[at : at + size]) for at in range(0, whole, size)]

    def _step(self, step: bytes) -> Heard:
        self._steps += 1
        now_s = self._steps * _STEP / RATE
        value = int(np.frombuffer(step, "<i2")[_STEP // 2])
        code = _WORD_OF.get(value)
        if code is None:
            self._end_word(now_s - _STEP / RATE)
            if self._silent_since_s is None:
                self._silent_since_s = now_s - _STEP / RATE if self._words or not self._settled else None
        else:
            self._silent_since_s = None
            if self._open is None or self._open[0] != code:
                self._end_word(now_s - _STEP / RATE)
                self._open = code, now_s - _STEP / RATE
        silence_s = None if self._silent_since_s is None else now_s - self._silent_since_s
        if self._open is not None:
            silence_s = 0.0
        words = tuple(self._words)
        settled = silence_s is not None and silence_s >= 0.2 and bool(words)
        if settled:
            self._words, self._settled = [], False
        confidence = min(1.0, (silence_s or 0.0) / 0.5)
        return Heard(now_s, words, settled=settled, silence_s=silence_s, end_of_turn=confidence)

    def _end_word(self, end_s: float) -> None:
        if self._open is not None:
            code, start_s = self._open
            self._open = None
            if end_s - start_s >= 0.1:
                self._words.append(Word(str(code), start_s, end_s, 0.99, str(code)))

    async def settle(self) -> Sequence[Heard]:
        now_s = self._steps * _STEP / RATE
        self._end_word(now_s)
        words, self._words = tuple(self._words), []
        return [Heard(now_s, words, settled=True, silence_s=0.1, end_of_turn=0.1)]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        return

    async def aclose(self) -> None:
        return


class Singer:
    """Speaks any text as one continuous tone whose length is the text's number of characters, in 0.1 s."""

    def __init__(self, rate: int) -> None:
        self._rate = rate

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        audio = tone(self._rate, len(text) * 0.1)
        sizes = (2, 998, 4_000, 322)
        at = index = 0
        while at < len(audio):
            size = sizes[index % len(sizes)]
            yield audio[at : at + size]
            at, index = at + size, index + 1

    def set_speed(self, speed: float) -> None:
        return


class ContentEngine:
    """Hears content, sings answers."""

    name = "content"

    async def start(self) -> None:
        return

    async def aclose(self) -> None:
        return

    async def recognizer(self, stream: StreamInfo) -> _Recognizer:
        assert stream.sample_rate == RATE
        return _Recognizer()

    async def synthesizer(self, stream: StreamInfo) -> Singer:
        return Singer(stream.sample_rate)


def in_encoding(pcm: bytes, encoding: str) -> bytes:
    """Samples in a telephone's encoding."""
    return pcm if encoding == "s16le" else encode(pcm, encoding)
