"""Audio whose samples say which they are, so that a test can tell exactly what arrived how often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
SAMPLE_BYTES = 2


def counted(start: int, count: int) -> bytes:
    """Samples from ``start``: even ones hold the low 15 bits of half their index, odd ones the high."""
    index = np.arange(start, start + count, dtype=np.int64)
    half = index >> 1
    value = np.where(index % 2 == 0, half & 0x7FFF, 0x8000 | (half >> 15))
    return value.astype(np.uint16).tobytes()


def indices(pcm: bytes) -> NDArray[np.int64]:
    """Which samples these are. The piece must be contiguous."""
    if len(pcm) < 2 * SAMPLE_BYTES:
        raise ValueError("two samples are needed to tell where a piece begins")
    first, second = (int(value) for value in np.frombuffer(pcm, dtype="<u2", count=2))
    if first & 0x8000:  # odd first: its high part is here, the low part belongs to the next pair
        start = (((first & 0x7FFF) << 15) | ((second - 1) & 0x7FFF)) * 2 + 1
        if second == 0:
            start = (((first & 0x7FFF) << 15) | 0x7FFF) * 2 + 1
    else:
        start = (((second & 0x7FFF) << 15) | first) * 2
    return np.arange(start, start + len(pcm) // SAMPLE_BYTES)


def seconds(samples: int) -> float:
    return samples / RATE
