"""What is pushed: a ring of different 20 ms frames that change as speech does."""

from __future__ import annotations

import numpy as np

__all__ = ["FRAME_S", "ring"]

FRAME_S = 0.02
_SECONDS = 2
_SYLLABLES_PER_S = 4.0


def ring(rate: int, channels: int) -> list[bytes]:
    """Two seconds of s16le, in frames; the channels differ."""
    samples = _SECONDS * rate
    time_s = np.arange(samples) / rate
    generator = np.random.default_rng(7)
    # Noise that falls off with frequency, and swells and fades as syllables do.
    hiss = np.cumsum(generator.normal(size=(samples, channels)), axis=0)
    hiss -= np.stack([np.convolve(column, np.ones(64) / 64, "same") for column in hiss.T], axis=1)
    envelope = np.sin(np.pi * _SYLLABLES_PER_S * time_s) ** 2
    voiced = hiss / np.abs(hiss).max() * envelope[:, None] * 20_000
    pcm = voiced.astype("<i2").tobytes()
    size = int(rate * FRAME_S) * channels * 2
    return [pcm[begin : begin + size] for begin in range(0, len(pcm), size)]
