"""Counters are numbers that add up."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.session import Histogram, ListenStats, SpeakStats
from speechwire.session.metrics import BOUNDS_S


@pytest.mark.parametrize(("place", "bound_s"), list(enumerate(BOUNDS_S)))
def test_a_class_ends_at_its_bound(place: int, bound_s: float) -> None:
    histogram = Histogram()
    histogram.record(bound_s)
    histogram.record(bound_s * 1.001)
    assert [at for at, count in enumerate(histogram.counts) if count] == [place, place + 1]
    assert histogram.count == 2
    assert histogram.sum_s == pytest.approx(2.001 * bound_s)


def numbered(kind: Any, first: int) -> Any:
    """Another number in every field."""
    values = {}
    for number, (name, value) in enumerate(kind().items(), first):
        is_histogram = isinstance(value, Histogram)
        values[name] = Histogram([number] * 13, number) if is_histogram else number
    return kind(**values)


@pytest.mark.parametrize("kind", [ListenStats, SpeakStats])
def test_every_field_is_summed(kind: Any) -> None:
    one, other = numbered(kind, 1), numbered(kind, 100)
    total = one + other
    for (_, mine), (_, theirs), (name, value) in zip(one.items(), other.items(), total.items(), strict=True):
        assert value == mine + theirs, name
    assert (one, other) == (numbered(kind, 1), numbered(kind, 100))
    one.absorb(other)
    assert one == total
    assert other == numbered(kind, 100)


@pytest.mark.parametrize("kind", [ListenStats, SpeakStats])
def test_counting_begins_at_nothing(kind: Any) -> None:
    assert all(value in (0, Histogram([0] * 13, 0.0)) for _, value in kind().items())
