"""An engine that hears words that are tones, whatever microphone and resampler they went through.

Word ``k`` is a tone of its own frequency. What is heard depends on the samples alone, so it does not matter
which connection brings them: a word that is missing or comes twice was lost or sent twice. Speech is one
continuous tone, as long as the number that the text begins with says, in seconds.
"""

from __future__ import annotations

import math
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechwire.emulator import Heard, StreamInfo, Word

__all__ = ["GAP_S", "TONE_HZ", "WORD_S", "ToneEngine", "record", "tone", "turns_of_tones"]

STEP_S = 0.05
LOWEST_HZ, APART_HZ, MOST_WORDS = 600.0, 90.0, 24
WORD_S, GAP_S, PAUSE_S = 0.3, 0.12, 1.8
QUIET = 300.0
TONE_HZ = 441.0
AMPLITUDE = 9000

Samples = NDArray[np.int16]


def tone(hz: float, seconds: float, rate: int) -> Samples:
    """A tone that begins at zero."""
    at = np.arange(round(seconds * rate)) / rate
    samples: Samples = np.rint(AMPLITUDE * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return samples


def record(file: Path, turns: int, words: int, *, rate: int = 48_000, lead_s: float = 4.0) -> list[str]:
    """Write a WAV of so many turns of so many words each; returns the words.

    The file runs from the moment the device is opened: what comes before the page listens is not heard.
    """
    pcm, names = turns_of_tones(turns, words, rate)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(2 * round(lead_s * rate)) + pcm)
    return names


def turns_of_tones(turns: int, words: int, rate: int, *, first: int = 0) -> tuple[bytes, list[str]]:
    """So many turns of so many words each, as s16le; returns the words as well."""
    parts = []
    for index in range(turns * words):
        parts.append(tone(LOWEST_HZ + (first + index) * APART_HZ, WORD_S, rate))
        pause_s = PAUSE_S if (index + 1) % words == 0 else GAP_S
        parts.append(np.zeros(round(pause_s * rate), np.int16))
    return np.concatenate(parts).tobytes(), [f"word{first + index}" for index in range(turns * words)]


class _Recognizer:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = round(rate * STEP_S)
        self._rest = b""
        self._steps = 0
        self._heard: list[int | None] = []  # of each step
        self._words: list[Word] = []
        self._silence_s: float | None = None

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        data = self._rest + pcm
        whole = len(data) // 2 // self._size
        self._rest = data[whole * self._size * 2 :]
        samples = np.frombuffer(data[: whole * self._size * 2], np.int16).reshape(whole, self._size)
        return [self._step(each) for each in samples]

    async def settle(self) -> Sequence[Heard]:
        words, self._words = tuple(self._words), []
        return [Heard(self._steps * STEP_S, words, settled=True, silence_s=self._silence_s or 0.0)]

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        """Nothing is favoured."""

    async def aclose(self) -> None:
        """Nothing is held."""

    def _step(self, samples: Samples) -> Heard:
        self._steps += 1
        now_s = self._steps * STEP_S
        self._note(_word_of(samples.astype(np.float64), self._rate), now_s)
        if self._heard[-1] is not None:
            self._silence_s = 0.0
            return Heard(now_s, tuple(self._words), silence_s=0.0)
        if self._silence_s is None:
            return Heard(now_s)
        self._silence_s += STEP_S
        settled = self._silence_s > 2 * GAP_S
        words = tuple(self._words)
        if settled:
            self._words = []
        confidence = min(1.0, self._silence_s / 1.2) if settled else 0.0
        return Heard(
            now_s,
            words,
            settled=settled and bool(words),
            silence_s=self._silence_s,
            end_of_turn=confidence,
        )

    def _note(self, word: int | None, now_s: float) -> None:
        """Three steps of one tone are a word."""
        self._heard.append(word)
        del self._heard[:-4]
        alike = self._heard[-3:] == [word] * 3 and self._heard[:-3] != [word]
        if word is not None and alike:
            name = f"word{word}"
            self._words.append(Word(name, now_s - 3 * STEP_S, now_s, 0.99, name))


def _word_of(samples: NDArray[np.float64], rate: int) -> int | None:
    """Which tone fills a step; None for silence and for what is half of two."""
    samples = samples - samples.mean()
    if math.sqrt(float(np.mean(samples**2))) < QUIET:
        return None
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    hz = float(np.argmax(spectrum)) * rate / (8 * len(samples))
    word = round((hz - LOWEST_HZ) / APART_HZ)
    return word if 0 <= word < MOST_WORDS else None


class _Synthesizer:
    def __init__(self, rate: int) -> None:
        self._rate = rate

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        seconds = float(text.split()[0]) if text[:1].isdigit() else 0.5
        samples = tone(TONE_HZ, seconds, self._rate)
        for at in range(0, len(samples), self._rate // 10):
            yield samples[at : at + self._rate // 10].tobytes()

    def set_speed(self, speed: float) -> None:
        """A tone has none."""


class ToneEngine:
    """Hears and speaks tones."""

    name = "tones"

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to release."""

    async def recognizer(self, stream: StreamInfo) -> _Recognizer:
        return _Recognizer(stream.sample_rate)

    async def synthesizer(self, stream: StreamInfo) -> _Synthesizer:
        return _Synthesizer(stream.sample_rate)
