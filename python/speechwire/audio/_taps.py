"""Integer filter tables: computed here and used by both engines.

A table must be the same on every machine, so that both engines give the same bytes everywhere. The prototype
is therefore evaluated with additions and multiplications only, which IEEE 754 rounds identically. A libm's
cosine may differ between machines in the last place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechwire.audio._prototypes import PROTOTYPES, Prototype

__all__ = ["MAX_TABLE_TAPS", "WEIGHT_BITS", "FilterTable", "filter_table"]

MAX_TABLE_TAPS = 1 << 18
"""Largest table, phases x taps: 1 MiB, and made in about 20 ms. All usual rates stay far below."""

WEIGHT_BITS = 15
"""Bits of the weights between two rows of an interpolated table."""

_PHASES = 512
"""Phases of such a table, per sample at the lower rate.

For a tone at 0.45 of that rate, the end of the pass band, linear interpolation between 512 points per sample
gives images below -115 dB, less than the noise from rounding the taps.
"""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FilterTable:
    """A polyphase filter in integers.

    Output ``j`` is ``(sum_k taps[p][k] * m[n - center + k] + half) >> shift``, where ``n`` and ``p`` are
    quotient and remainder of ``j * down / up`` and ``m`` the mono input, zero before its start. Where the
    table has fewer phases than ``up``, the output lies between two rows; see ``_engine_np``.
    """

    up: int
    """The output rate over the rates' greatest common divisor: the number of phases of the outputs."""
    down: int
    """The input rate over the same divisor."""
    phases: int
    """Phases the table has: ``up``, or fewer."""
    taps: NDArray[np.int32]
    """Shape (phases, n_taps), or (phases + 1, n_taps) with fewer phases than ``up``: the last row is for the
    next input sample. Every row sums to exactly 2**shift, so a constant passes unchanged."""
    center: int
    """Index of the tap that meets the input sample at the output's own time, rounded down."""
    shift: int
    """Fractional bits of the taps."""

    @property
    def interpolated(self) -> bool:
        """True if the outputs have more phases than the table."""
        return self.phases != self.up

    @property
    def look_ahead(self) -> int:
        """Input samples after an output's own time that the output depends on: the latency."""
        return int(self.taps.shape[1]) - 1 - self.center


def filter_table(in_rate: int, out_rate: int, quality: str) -> FilterTable:
    """Make the table for one pair of rates, in Hz, of at most ``MAX_TABLE_TAPS``.

    Equal rates give a single tap of one.
    """
    divisor = math.gcd(in_rate, out_rate)
    up, down = out_rate // divisor, in_rate // divisor
    if up == down:
        return FilterTable(1, 1, 1, np.ones((1, 1), np.int32), 0, 0)
    prototype = PROTOTYPES[quality]
    stretch = max(1.0, down / up)
    reach = math.ceil(prototype.half_width * stretch) - 1
    n_taps = 2 * reach + (1 if up == 1 else 2)  # a row between two samples reaches one further
    phases = up if up * n_taps <= MAX_TABLE_TAPS else -(-_PHASES * up // max(up, down))
    sampled = _sampled(prototype, phases, reach, n_taps, stretch)
    if phases != up:
        sampled = np.concatenate([sampled, np.roll(sampled[:1], 1, axis=1)])
    shift = _fraction_bits(n_taps)
    taps = _quantised(sampled, reach, shift)
    taps.setflags(write=False)
    _prove_exact(taps, shift)
    return FilterTable(up, down, phases, taps, reach, shift)


def _fraction_bits(n_taps: int) -> int:
    """The bits that keep the rounding noise of the taps, sqrt(n_taps / 12) units, below -110 dB.

    At -106 dB the stop bands would miss their limits. Each further bit makes ``balanced`` a seventh slower.
    """
    return math.ceil(110 / 6.0206 + math.log2(n_taps / 12) / 2)


def _sampled(prototype: Prototype, phases: int, reach: int, n_taps: int, stretch: float) -> _Floats:
    """The prototype at every phase's distances from the output's time; shape (phases, n_taps)."""
    # The table is symmetric: row -p, reversed, is row p. Half the phases are evaluated.
    half = phases // 2 + 1
    offset = np.arange(-reach, n_taps - reach)
    phase = np.arange(half)[:, None]
    position = (offset * phases - phase) / (phases * stretch * prototype.half_width)
    lower = np.where(np.abs(position) < 1, _cosine_series(prototype.series, np.abs(position)), 0.0)
    upper = lower[1 : phases - half + 1, ::-1][::-1]
    return np.concatenate([lower, upper])


def _cosine_series(series: tuple[float, ...], position: _Floats) -> _Floats:
    """Sum of series[k] cos(pi k position), by Clenshaw's recurrence; undefined for positions above 1."""
    twice_cos = 2.0 * _half_turn_sine(np.minimum(position, 1.0))
    before, current, work = np.zeros_like(position), np.zeros_like(position), np.empty_like(position)
    for coefficient in reversed(series[1:]):
        np.multiply(twice_cos, current, out=work)
        work -= before
        work += coefficient
        before, current, work = current, work, before
    return np.asarray(series[0] + 0.5 * twice_cos * current - before)


def _half_turn_sine(position: _Floats) -> _Floats:
    """cos(pi position) for position in [0, 1]: the sine of pi/2 (1 - 2 position), by its Taylor series."""
    angle = (math.pi / 2) * (1.0 - 2.0 * position)
    square = angle * angle
    total = np.ones_like(angle)
    for order in range(21, 1, -2):  # (pi/2)**23 / 23! is below half a unit in the last place
        total = 1.0 - square * total / float(order * (order - 1))
    return angle * total


def _quantised(taps: _Floats, center: int, shift: int) -> NDArray[np.int32]:
    """Round to integers; every row sums to exactly 2**shift."""
    # Row sums in fixed point: a float sum's last bit depends on the order numpy's loops choose.
    fixed = np.rint(taps * 2.0**40).astype(np.int64).sum(axis=1, keepdims=True)
    rounded: NDArray[np.int32] = np.rint(taps * (2.0 ** (40 + shift) / fixed)).astype(np.int32)
    # Add the remainder of a few units to the largest tap, where the relative error is smallest.
    rounded[:, center] += (1 << shift) - rounded.sum(axis=1, dtype=np.int32)
    return rounded


def _prove_exact(taps: NDArray[np.int32], shift: int) -> None:
    """Check that float64 holds every sum of products exactly, in any order of addition.

    Also check that weighted sums, which are computed as integers, fit 63 bits.
    """
    worst = int(np.abs(taps.astype(np.int64)).sum(axis=1).max()) * 32768 + (1 << shift)
    if worst >= 1 << 62 - WEIGHT_BITS:
        raise AssertionError(f"filter sums must stay below 2**{62 - WEIGHT_BITS}, got {worst}")
