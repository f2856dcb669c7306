from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import ConnectFailed, HandshakeRefused, InvalidArgument
from speechwire.session import Backoff, BackoffPolicy

FAILED = ConnectFailed("wss://x", "no route")


def test_bounds_grow_to_the_cap_and_then_it_gives_up() -> None:
    bounds: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append(high)
        return high

    backoff = Backoff(BackoffPolicy(base_s=1, factor=2, cap_s=5, max_attempts=6), uniform=uniform)
    delays = [backoff.refused(FAILED) for _ in range(6)]
    assert delays == [1, 2, 4, 5, 5, None]
    assert bounds == [1, 2, 4, 5, 5]


def test_how_patient_a_session_is_by_default() -> None:
    refused = Backoff(BackoffPolicy(), uniform=lambda low, high: high)
    delays = [refused.refused(FAILED) for _ in range(10)]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 8, 8, 8, None]
    throttled = Backoff(BackoffPolicy(), uniform=lambda low, high: high)
    assert [throttled.refused(HandshakeRefused(429)) for _ in range(4)] == [2, 4, 8, 8]
    ended = Backoff(BackoffPolicy(), uniform=lambda low, high: high)
    assert [ended.is_quick(lived_s) for lived_s in (4.99, 5.0)] == [True, False]
    assert [ended.ended(lived_s=1.0, progressed=False) for _ in range(3)] == [0.25, 0.5, None]


def test_success_forgets_every_failure() -> None:
    backoff = Backoff(BackoffPolicy(max_quick_failures=2), uniform=lambda low, high: high)
    for _ in range(3):
        assert backoff.ended(lived_s=1.0, progressed=False) == 0.25
        backoff.succeeded()
        assert backoff.attempts == 0


def test_endless_attempts_reach_no_overflow() -> None:
    backoff = Backoff(BackoffPolicy(factor=1e4, max_attempts=10_000))
    assert all(backoff.refused(FAILED) is not None for _ in range(5000))


@given(st.integers(1, 20), st.integers(0, 2**32))
def test_a_delay_is_at_least_half_its_bound(attempts: int, seed: int) -> None:
    policy = BackoffPolicy(max_attempts=30)
    backoff = Backoff(policy, uniform=random.Random(seed).uniform)
    for attempt in range(attempts):
        delay = backoff.refused(FAILED)
        assert delay is not None
        bound_s = min(policy.cap_s, policy.base_s * policy.factor**attempt)
        assert bound_s / 2 <= delay <= bound_s


@given(st.floats(0, 30), st.floats(0, 8))
def test_a_slow_failure_is_part_of_the_delay_behind_it(attempt_s: float, delay_s: float) -> None:
    policy = BackoffPolicy(cap_s=8)
    left_s = Backoff(policy).behind(attempt_s, delay_s)
    assert delay_s / 8 <= left_s <= delay_s, "some of it stays: streams must not come back in step"
    assert left_s == delay_s if attempt_s + delay_s <= 8 else left_s == max(8 - attempt_s, delay_s / 8)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_a_permanent_refusal_is_not_repeated(status: int) -> None:
    assert Backoff(BackoffPolicy()).refused(HandshakeRefused(status)) is None


def test_too_many_requests_waits_longer() -> None:
    policy = BackoffPolicy(base_s=0.1, throttled_base_s=4)
    delays = [Backoff(policy).refused(HandshakeRefused(429)) for _ in range(50)]
    assert all(delay is not None and 2 <= delay <= 4 for delay in delays)


def test_connections_that_die_at_once_end_it_early() -> None:
    backoff = Backoff(BackoffPolicy(max_quick_failures=3))
    outcomes = [backoff.ended(lived_s=0.1, progressed=False) for _ in range(3)]
    assert outcomes[0] is not None
    assert outcomes[1] is not None
    assert outcomes[2] is None


def test_a_connection_that_worked_starts_anew() -> None:
    backoff = Backoff(BackoffPolicy(max_attempts=3, max_quick_failures=2))
    for _ in range(20):
        assert backoff.ended(lived_s=0.1, progressed=False) is not None
        assert backoff.ended(lived_s=60.0, progressed=True) is not None
        assert backoff.attempts == 1


@pytest.mark.parametrize(("lived_s", "progressed"), [(0.1, True), (60.0, False)])
def test_behind_a_partial_success_the_delays_grow(lived_s: float, progressed: bool) -> None:
    backoff = Backoff(BackoffPolicy(base_s=1, cap_s=8, max_attempts=5), uniform=lambda low, high: high)
    delays = [backoff.ended(lived_s=lived_s, progressed=progressed) for _ in range(5)]
    assert delays == [1, 2, 4, 8, None]


def test_quick_failures_count_in_a_row_only() -> None:
    backoff = Backoff(BackoffPolicy(max_quick_failures=2, max_attempts=100))
    for _ in range(20):
        assert backoff.ended(lived_s=0.1, progressed=False) is not None
        assert backoff.ended(lived_s=0.1, progressed=True) is not None


def test_patience_is_between_half_the_cap_and_the_cap() -> None:
    backoff = Backoff(BackoffPolicy(cap_s=6), uniform=random.Random(0).uniform)
    delays = [backoff.patient_s() for _ in range(200)]
    assert 3 <= min(delays) < 4 < 5 < max(delays) <= 6


@pytest.mark.parametrize(
    ("name", "wrong", "least", "allowed"),
    [
        ("base_s", -0.1, 0, "made of durations of at least 0 s"),
        ("cap_s", -0.1, 0, "made of durations of at least 0 s"),
        ("throttled_base_s", -0.1, 0, "made of durations of at least 0 s"),
        ("quick_failure_s", -0.1, 0, "made of durations of at least 0 s"),
        ("factor", 0.9, 1, "at least 1"),
        ("max_attempts", 0, 1, "made of counts of at least 1"),
        ("max_quick_failures", 0, 1, "made of counts of at least 1"),
    ],
)
def test_nonsense_is_refused(name: str, wrong: float, least: int, allowed: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        BackoffPolicy(**{name: wrong})  # type: ignore[arg-type]
    assert refused.value.argument == (name if name == "factor" else "BackoffPolicy")
    assert refused.value.allowed == allowed
    BackoffPolicy(**{name: least})
