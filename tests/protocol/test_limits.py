"""The rolling limits: never more in any window than is allowed, never a wait longer than needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import InvalidArgument
from speechwire.protocol import RollingLimit, character_limit, flush_limit


@given(
    limit=st.integers(1, 30),
    start_s=st.floats(0, 1e9),
    requests=st.lists(st.tuples(st.integers(1, 30), st.floats(0, 20)), max_size=40),
)
def test_who_waits_as_told_is_always_within_the_limit(
    limit: int, start_s: float, requests: list[tuple[int, float]]
) -> None:
    window_s = 60.0
    account = RollingLimit(limit, window_s)
    now_s = start_s
    used: list[tuple[float, int]] = []
    for amount, pause_s in requests:
        amount = min(amount, limit)
        now_s += pause_s
        wait_s = account.wait_s(now_s, amount)
        assert 0 <= wait_s <= window_s + 1e-3
        now_s += wait_s
        # One wait is enough, in floats as well.
        assert account.wait_s(now_s, amount) == 0
        account.add(now_s, amount)
        used.append((now_s, amount))
    for begin_s, _ in used:
        within = sum(amount for time_s, amount in used if 0 <= time_s - begin_s < window_s - 1e-3)
        assert within <= limit


def test_no_wait_is_longer_than_needed() -> None:
    account = RollingLimit(10, 60.0)
    account.add(0.0, 4)
    account.add(10.0, 6)
    assert account.left(20.0) == 0
    assert account.wait_s(20.0, 4) == 40.0
    assert account.wait_s(20.0, 5) == 50.0
    assert account.wait_s(60.0, 4) == 0.0
    assert account.left(70.0) == 10


def test_times_that_differ_by_rounding_are_one() -> None:
    """Times of a clock that has run for long are no more exact."""
    account = RollingLimit(10, 60.0)
    account.add(0.0, 10)
    assert [account.left(60.0 - early_s) for early_s in (1.5e-6, 0.5e-6)] == [0, 10]


def test_what_was_used_beyond_the_limit_counts() -> None:
    account = RollingLimit(2, 60.0)
    account.add(0.0, 5)
    assert account.left(1.0) == -3
    assert account.wait_s(1.0, 1) == 59.0
    account.add(2.0, 0)
    account.add(2.0, -1)
    assert account.left(60.0) == 2


def test_the_services_limits() -> None:
    flushes = flush_limit()
    for _ in range(20):
        assert flushes.wait_s(0.0) == 0.0
        flushes.add(0.0)
    assert flushes.wait_s(0.0) == 65.0
    characters = character_limit()
    assert characters.left(0.0) == 2400
    characters.add(0.0, 2000)
    assert characters.wait_s(0.0, 401) == 60.0
    assert characters.wait_s(0.0, 400) == 0.0


def test_an_amount_that_will_never_be_allowed() -> None:
    for amount in (2401, -1):
        with pytest.raises(InvalidArgument, match="amount must be from 0 to 2400"):
            character_limit().wait_s(0.0, amount)


def test_nothing_is_always_allowed() -> None:
    account = RollingLimit(2, 60.0)
    account.add(0.0, 2)
    assert account.wait_s(1.0, 0) == 0.0


@pytest.mark.parametrize(
    ("limit", "window_s", "words"),
    [
        (0, 60.0, "limit must be 1 or more, got 0"),
        (1, 0.0, "window_s must be more than 0 s, got 0.0"),
        (1, -1.0, "window_s must be more than 0 s, got -1.0"),
        (1, float("nan"), "window_s must be more than 0 s, got nan"),
    ],
)
def test_limits_that_are_none(limit: int, window_s: float, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        RollingLimit(limit, window_s)
    assert str(refused.value) == words
