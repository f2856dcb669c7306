"""A filter table in the forms that numpy multiplies with fastest.

All numbers are integers. Products and their sums are held in float64, which is exact here (``_taps`` proves
it when it makes a table), because BLAS multiplies float64 fastest.
"""

from __future__ import annotations

import abc

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from speechwire.audio._taps import WEIGHT_BITS, FilterTable

__all__ = ["NumpyFilter", "numpy_filter"]

_Floats = NDArray[np.float64]
_Samples = NDArray[np.int16]


class NumpyFilter(abc.ABC):
    """The common base of both forms."""

    align: int
    """Computation begins at an output whose index is a multiple of this number."""
    nbytes: int
    """Bytes that the coefficients take."""

    def __init__(self, table: FilterTable) -> None:
        self.table = table

    @abc.abstractmethod
    def outputs(self, mono: _Floats, phase: int, count: int) -> _Samples:
        """Return ``count`` outputs, the first at ``phase`` of a window at the start of ``mono``."""


def numpy_filter(table: FilterTable) -> NumpyFilter:
    """Put a table in the form that suits its size."""
    rows, columns = _band_shape(table)
    if table.interpolated or rows * columns > _MAX_BAND:
        return _GatheringFilter(table)
    return _BandedFilter(table)


_BLOCK = 32  # outputs per block: more would multiply more zeros, fewer would copy more windows
_MAX_BAND = 1 << 20  # numbers in a banded matrix, 8 MiB; they grow with the square of the phases
_AT_ONCE = 1 << 15  # taps looked up at a time: they and their windows stay in the processor's cache


class _BandedFilter(NumpyFilter):
    """One block of consecutive outputs as a matrix: column g holds output g's taps at its position."""

    def __init__(self, table: FilterTable) -> None:
        super().__init__(table)
        self.align = table.up
        n_taps = table.taps.shape[1]
        self._matrix = np.zeros(_band_shape(table))
        per_block = self._matrix.shape[1]
        row, phase = np.divmod(np.arange(per_block) * table.down, table.up)
        self._matrix[row + np.arange(n_taps)[:, None], np.arange(per_block)] = table.taps[phase].T
        self.nbytes = self._matrix.nbytes + table.taps.nbytes

    def outputs(self, mono: _Floats, phase: int, count: int) -> _Samples:
        span, per_block = self._matrix.shape
        stride = per_block * self.table.down // self.table.up
        blocks = -(-count // per_block)
        padded = np.zeros(blocks * stride + span)
        padded[: len(mono)] = mono[: len(padded)]
        windows = as_strided(padded, (blocks, span), (8 * stride, 8), writeable=False)
        return _rounded((windows @ self._matrix).reshape(-1)[:count], self.table.shift)


class _GatheringFilter(NumpyFilter):
    """Looks up every output's taps: nothing grows with the number of phases."""

    align = 1

    def __init__(self, table: FilterTable) -> None:
        super().__init__(table)
        self._taps = table.taps.astype(np.float64)
        self.nbytes = self._taps.nbytes + table.taps.nbytes

    def outputs(self, mono: _Floats, phase: int, count: int) -> _Samples:
        at_once = max(1, _AT_ONCE // self._taps.shape[1])
        samples = np.empty(count, "<i2")
        for done in range(0, count, at_once):
            part = samples[done : done + at_once]
            part[:] = self._some(mono, phase + done * self.table.down, len(part))
        return samples

    def _some(self, mono: _Floats, place: int, count: int) -> _Samples:
        table = self.table
        first, phase = divmod(place, table.up)
        places = phase + table.down * np.arange(count, dtype=np.int64)
        offset, phases = np.divmod(places, table.up)
        windows = sliding_window_view(mono[first:], self._taps.shape[1])[offset]
        if not table.interpolated:
            return _rounded(self._sums(phases, windows), table.shift)
        row, weight = np.divmod(((phases * table.phases) << WEIGHT_BITS) // table.up, 1 << WEIGHT_BITS)
        lower, upper = (self._sums(rows, windows).astype(np.int64) for rows in (row, row + 1))
        blended = (lower << WEIGHT_BITS) + (upper - lower) * weight
        shift = table.shift + WEIGHT_BITS
        return np.asarray(np.clip((blended + (1 << shift >> 1)) >> shift, -32768, 32767), "<i2")

    def _sums(self, rows: NDArray[np.int64], windows: _Floats) -> _Floats:
        return np.asarray(np.einsum("ij,ij->i", self._taps[rows], windows))


def _band_shape(table: FilterTable) -> tuple[int, int]:
    """Input samples and outputs of one block of whole cycles of the phases."""
    per_block = table.up * -(-_BLOCK // table.up)
    return (per_block - 1) * table.down // table.up + table.taps.shape[1], per_block


def _rounded(sums: _Floats, shift: int) -> _Samples:
    scaled = np.floor((sums + (1 << shift >> 1)) / (1 << shift))
    return np.clip(scaled, -32768, 32767).astype("<i2")
