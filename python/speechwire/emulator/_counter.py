"""Audio whose samples are a counter, so that a receiver can detect missing samples."""

from __future__ import annotations

import numpy as np

__all__ = ["CounterCheck", "counted_audio"]

_MODULUS = 65536


def counted_audio(samples: int, *, first: int = 0) -> bytes:
    """Mono s16le whose sample ``n`` is ``n`` modulo 65536, as a signed number."""
    return np.arange(first, first + samples, dtype=np.int64).astype(np.int16).tobytes()


class CounterCheck:
    """Finds the places where a counter jumps.

    Gaps are measured modulo 65536 samples, 4.1 s at 16 kHz. A jump back by ``n`` appears as ``65536 - n``.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._heard = 0
        self._next: int | None = None

    def feed(self, pcm: bytes) -> list[tuple[float, int]]:
        """Check more samples.

        Returns:
            For each jump the second of received audio at which it comes, and how many samples are missing.
        """
        values = np.frombuffer(pcm, "<u2").astype(np.int64)
        if not len(values):
            return []
        before = int(values[0]) if self._next is None else self._next
        expected = np.concatenate(([before], values[:-1] + 1))
        missing = (values - expected) % _MODULUS
        gaps = [((self._heard + int(at)) / self._rate, int(missing[at])) for at in np.flatnonzero(missing)]
        self._heard += len(values)
        self._next = int(values[-1]) + 1
        return gaps
