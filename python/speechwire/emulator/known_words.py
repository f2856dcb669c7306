"""Audio with known words, and the engine that recognises them from the audio itself.

A word is a quarter of a second of samples with one value, followed by a tenth of a second of silence. A word
is missing if its audio was lost, and comes twice if its audio was sent twice. Mixing, resampling and mu-law
keep the values; noise suppression and other filters that remove a constant level do not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import numpy as np

from speechwire.emulator.engine import StreamInfo
from speechwire.emulator.scripted import ScriptedEngine, tag_of
from speechwire.emulator.tagged import MOST_WORDS, TaggedRecognizer, word_sample
from speechwire.errors import InvalidArgument

__all__ = ["KnownWords"]

_WORD_S: Final = 0.25
_GAP_S: Final = 0.1
_SHORTEST_RUN_S: Final = 0.01


class _Voice:
    """Speaks a text as samples of one value, and notes which value is whose."""

    def __init__(self, spoken: dict[int, str], sample_rate: int) -> None:
        self._spoken = spoken
        self._sample_rate = sample_rate
        self._speed = 1.0

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """Yield 20 ms pieces; a character lasts 60 ms."""
        self._spoken[tag_of(text)] = text
        stream = StreamInfo(0, "", self._sample_rate)
        voice = await ScriptedEngine().synthesizer(stream)
        voice.set_speed(self._speed)
        async for piece in voice.speak(text):
            yield piece

    def set_speed(self, speed: float) -> None:
        """A faster voice takes less time."""
        self._speed = speed


class KnownWords:
    """An engine, and the audio that it understands.

    It knows at most 100 different words, each with its punctuation.
    """

    name = "known words"

    def __init__(self) -> None:
        self._samples: dict[str, int] = {}
        self._spoken: dict[int, str] = {}

    def say(self, text: str, *, rate: int = 16_000, channels: int = 1) -> bytes:
        """Return a text as s16le audio, 0.35 s for each word.

        Args:
            text: Words, as they are to be recognised: cased and punctuated.
            rate: Hz.
            channels: Interleaved; all have the same audio.

        Raises:
            InvalidArgument: More than 100 different words in all.
        """
        word, gap = round(rate * _WORD_S), round(rate * _GAP_S)
        samples = [np.repeat([self._sample_of(one), 0], [word, gap]) for one in text.split()]
        mono = np.concatenate(samples) if samples else np.empty(0)
        return np.repeat(mono.astype("<i2"), channels).tobytes()

    def texts_in(self, pcm: bytes, rate: int = 24_000) -> list[str]:
        """Return the texts that are audible in what an agent played, in order.

        Args:
            pcm: Mono s16le, as the emulator spoke it.
            rate: Hz.
        """
        samples = np.frombuffer(pcm, "<i2")
        edges = np.flatnonzero(np.diff(samples)) + 1
        runs = np.split(samples, edges) if len(samples) else []
        tags = [int(run[0]) for run in runs if len(run) >= rate * _SHORTEST_RUN_S]
        texts = [self._spoken[tag] for tag in tags if tag in self._spoken]
        return [text for i, text in enumerate(texts) if i == 0 or text != texts[i - 1]]

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to release."""

    async def recognizer(self, stream: StreamInfo) -> TaggedRecognizer:
        """One for each stream."""
        return TaggedRecognizer(stream.sample_rate, self._word_of)

    async def synthesizer(self, stream: StreamInfo) -> _Voice:
        """Speak each text as samples of one value: see :meth:`texts_in`."""
        return _Voice(self._spoken, stream.sample_rate)

    def _sample_of(self, word: str) -> int:
        if word not in self._samples:
            if len(self._samples) == MOST_WORDS:
                raise InvalidArgument("text", word, f"one of the {MOST_WORDS} words already used")
            self._samples[word] = word_sample(len(self._samples) + 1)
        return self._samples[word]

    def _word_of(self, sample: int) -> str | None:
        # Allow for a resampler's error: two values differ by at least 1/32 of either.
        for word, value in self._samples.items():
            if abs(sample - value) <= abs(value) // 80:
                return word
        return None
