"""What arrived of counted audio, to the sample, over all connections; silence that was put in is apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tests.session.counted import RATE, counted, indices

__all__ = ["Arrivals", "pieces"]

Samples = NDArray[np.uint16]


def pieces(pcm: bytes) -> list[tuple[int, int]]:
    """The stretches of the caller's audio in what a connection received: first sample, and the one after."""
    return [piece for run in _between_silence(np.frombuffer(pcm, "<u2")) for piece in _contiguous(run)]


def _between_silence(samples: Samples) -> Iterator[Samples]:
    """Counted audio never holds two zeros in a row, and silence is nothing else."""
    zero = samples == 0
    silent = zero & (np.append(zero[1:], False) | np.append(False, zero[:-1]))
    edges = np.flatnonzero(np.diff(silent, prepend=True, append=True))
    for first, end in edges.reshape(-1, 2):
        yield samples[first - _begins_with_zero(samples, first) : end]


def _begins_with_zero(samples: Samples, first: int) -> bool:
    """Whether the zero before belongs to the audio: a sample may be zero where it begins."""
    if not first or samples[first] < 0x8000:
        return False
    before = int(indices(samples[first : first + 2].tobytes())[0]) - 1
    return counted(before, 1) == bytes(2)


def _contiguous(run: Samples) -> Iterator[tuple[int, int]]:
    while run.size:
        start = int(indices(run[:2].tobytes())[0])
        wrong = np.flatnonzero(run != np.frombuffer(counted(start, run.size), "<u2"))
        length = int(wrong[0]) if wrong.size else run.size
        if not length:
            raise ValueError(f"sample {start} is not counted audio")
        yield start, start + length
        run = run[length:]


class Arrivals:
    """How often each sample of ``seconds`` of audio was received.

    Args:
        received: What each connection received.
        seconds: How much was pushed.
    """

    def __init__(self, received: Iterable[bytes], seconds: float) -> None:
        self._counts = np.zeros(round(seconds * RATE), np.int64)
        for pcm in received:
            for first, end in pieces(pcm):
                if end > self._counts.size:
                    raise ValueError(f"samples {first} to {end} were never pushed")
                self._counts[first:end] += 1

    @property
    def lost_ms(self) -> float:
        """Audio that no connection received."""
        return float(np.count_nonzero(self._counts == 0)) * 1000 / RATE

    @property
    def replayed_ms(self) -> float:
        """Audio that was received again, each time counted."""
        return float(np.maximum(self._counts - 1, 0).sum()) * 1000 / RATE
