"""The caller: a script of lines, rendered once to 48 kHz, to be played as 20 ms frames at real pace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 48_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000

Voice = Callable[[str], bytes]
"""Turns text into mono s16le at 48 kHz."""


@dataclass(frozen=True)
class Line:
    """One thing the caller says, and when the caller begins to say it."""

    start_s: float
    text: str


@dataclass(frozen=True)
class Spoken:
    """A line with the end that its rendering gave it."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Call:
    """A rendered call.

    Attributes:
        mono: s16 samples at 48 kHz, shape (n,).
        lines: What is said when.
    """

    mono: np.ndarray
    lines: tuple[Spoken, ...]

    @property
    def duration_s(self) -> float:
        """Length of the call in seconds."""
        return len(self.mono) / SAMPLE_RATE


def render(script: Sequence[Line], voice: Voice, *, tail_s: float, hiss_rms: float = 12.0) -> Call:
    """Speak every line with ``voice`` at its time over a faint hiss, as a telephone line has it.

    Args:
        script: The lines, in order, not overlapping.
        voice: Text to mono s16le at 48 kHz.
        tail_s: Seconds to listen after the last word.
        hiss_rms: Loudness of the hiss in sample units.
    """
    spoken = [(line, np.frombuffer(voice(line.text), dtype="<i2")) for line in script]
    lines = tuple(
        Spoken(line.start_s, line.start_s + len(samples) / SAMPLE_RATE, line.text) for line, samples in spoken
    )
    length = int((lines[-1].end_s + tail_s) * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES
    mono = np.random.default_rng(7).normal(0.0, hiss_rms, length)
    for line, samples in spoken:
        start = int(line.start_s * SAMPLE_RATE)
        mono[start : start + len(samples)] += samples
    return Call(np.clip(np.rint(mono), -32768, 32767).astype("<i2"), lines)


def tone_voice(text: str) -> bytes:
    """Stand in for speech where nobody listens: 0.3 s of a quiet tone for each word."""
    at = np.arange(int(0.3 * len(text.split()) * SAMPLE_RATE)) / SAMPLE_RATE
    tone: np.ndarray = np.rint(6000 * np.sin(2 * np.pi * 220 * at))
    return bytes(tone.astype("<i2").tobytes())
