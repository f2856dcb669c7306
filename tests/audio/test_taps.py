"""The tables: exact sums, symmetry, limits, and the evaluation they come from."""

from __future__ import annotations

import math
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speechwire.audio._prototypes import PROTOTYPES
from speechwire.audio._taps import (
    MAX_TABLE_TAPS,
    _cosine_series,
    _half_turn_sine,
    _prove_exact,
    filter_table,
)

RATES = st.one_of(st.integers(40, 1920).map(lambda n: 100 * n), st.integers(4000, 192_000))
MAX_INTERPOLATED = 1 << 16


@settings(max_examples=100, deadline=None)
@example(192_000, 4001, "best")
@example(4001, 192_000, "best")
@example(9361, 9362, "fast")
@example(9831, 9830, "fast")
@given(in_rate=RATES, out_rate=RATES, quality=st.sampled_from(sorted(PROTOTYPES)))
def test_every_table_is_exact_and_symmetric(in_rate: int, out_rate: int, quality: str) -> None:
    table = filter_table(in_rate, out_rate, quality)
    assert table.taps.size <= (MAX_INTERPOLATED if table.interpolated else MAX_TABLE_TAPS)
    assert table.up * in_rate == table.down * out_rate
    assert (table.taps.sum(axis=1, dtype=np.int64) == 1 << table.shift).all()
    rows = table.taps[: table.phases]
    mirrored = rows[(-np.arange(table.phases)) % table.phases, ::-1]
    if table.phases == 1:
        assert (mirrored == rows).all()
    else:  # one tap more on one side; the remainder of a row may sit one tap off the mirror
        assert np.abs(mirrored[1:, :] - rows[1:, :]).max() <= 64


@settings(max_examples=60, deadline=None)
@example(192_000, 4001, "best")
@given(in_rate=RATES, out_rate=RATES, quality=st.sampled_from(sorted(PROTOTYPES)))
def test_phases_are_close_enough_to_lie_between(in_rate: int, out_rate: int, quality: str) -> None:
    table = filter_table(in_rate, out_rate, quality)
    assert len(table.taps) == table.phases + table.interpolated
    if table.interpolated:
        assert table.phases < table.up
        assert table.phases * in_rate >= 512 * min(in_rate, out_rate)
        # The last row is the first, for the next sample; its remainder may sit one tap off.
        assert np.abs(table.taps[-1, 1:] - table.taps[0, :-1]).max() <= 64


def test_a_table_has_its_own_phases_up_to_the_limit() -> None:
    assert not filter_table(9361, 9362, "fast").interpolated
    assert filter_table(9361, 9362, "balanced").interpolated


def test_the_series_is_the_cosine_series() -> None:
    position = np.linspace(0, 1, 1001)
    for prototype in PROTOTYPES.values():
        expected = sum(a * np.cos(math.pi * k * position) for k, a in enumerate(prototype.series))
        assert np.abs(_cosine_series(prototype.series, position) - expected).max() < 1e-12


def test_the_cosine_is_a_cosine() -> None:
    position = np.linspace(0, 1, 10_001)
    assert np.abs(_half_turn_sine(position) - np.cos(math.pi * position)).max() < 4e-16


def test_equal_rates_have_one_tap_of_one() -> None:
    table = filter_table(16_000, 16_000, "best")
    assert (table.taps.tolist(), table.shift, table.look_ahead) == ([[1]], 0, 0)


@pytest.mark.parametrize(("shift", "is_exact"), [(14, True), (15, False)])
def test_sums_that_could_be_inexact_are_no_table(shift: int, is_exact: bool) -> None:
    """Of the loudest input: just below 2**47, and that."""
    taps = np.array([[1, 1], [-(1 << 31), (1 << 31) - 1]], np.int32)
    with (
        nullcontext()
        if is_exact
        else pytest.raises(AssertionError, match=r"below 2\*\*47, got 140737488355328$")
    ):
        _prove_exact(taps, shift)


def test_tables_are_read_only() -> None:
    table = filter_table(48_000, 16_000, "fast")
    with pytest.raises(ValueError, match="read-only"):
        table.taps[0, 0] = 1


def test_the_rates_of_practice_are_not_interpolated() -> None:
    rates = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
    for in_rate in rates:
        for out_rate in rates:
            assert not filter_table(in_rate, out_rate, "best").interpolated
