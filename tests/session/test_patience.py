"""How long a speaking session tries, and what it takes to be told that there is no speech."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.session import BackoffPolicy
from speechwire.session._patience import Patience

UNREACHABLE = ConnectFailed("ws://nowhere", "refused")
POLICY = BackoffPolicy(base_s=0.5, cap_s=8.0, max_attempts=3)


def patience(policy: BackoffPolicy = POLICY) -> Patience:
    return Patience(policy, lambda low, high: high)


def test_it_gives_up_and_begins_anew_with_one_attempt() -> None:
    tries = patience()
    delays = [tries.unreachable(UNREACHABLE, 10.0, short=False) for _ in range(3)]
    assert delays == [0.5, 1.0, None]
    assert (tries.attempts, tries.not_before) == (0, 10.5)
    assert [tries.is_short(now) for now in (10.0, 17.9, 18.0)] == [True, True, False]
    assert tries.unreachable(UNREACHABLE, 11.0, short=True) is None
    assert tries.not_before == 11.5
    assert [tries.is_short(now) for now in (18.9, 19.0)] == [True, False]


def test_what_no_retry_can_mend_ends_it_at_once() -> None:
    tries = patience()
    assert tries.unreachable(HandshakeRefused(401), 10.0, short=False) is None
    assert (tries.not_before, tries.is_short(10.0)) == (10.5, True)


def test_speech_makes_it_patient_again() -> None:
    tries = patience()
    tries.give_up(10.0)
    tries.succeeded()
    assert not tries.is_short(10.0)
    assert tries.unreachable(UNREACHABLE, 10.0, short=False) == 0.5


def test_a_connection_that_did_something_is_worth_another_also_when_patience_is_short() -> None:
    tries = patience()
    assert tries.ended(10.0, lived_s=1, progressed=True, throttled=False, short=True) is not None
    assert tries.ended(10.0, lived_s=1, progressed=False, throttled=False, short=True) is None
    assert tries.not_before == 10.5


@given(st.lists(st.sampled_from(["unreachable", "refused", "ended", "progressed"]), max_size=40))
def test_no_wait_is_longer_than_the_cap(happenings: list[str]) -> None:
    tries, now = patience(), 0.0
    for happening in happenings:
        short = tries.is_short(now)
        match happening:
            case "unreachable":
                tries.unreachable(UNREACHABLE, now, short=short)
            case "refused":
                tries.unreachable(HandshakeRefused(429), now, short=short)
            case _:
                progressed = happening == "progressed"
                tries.ended(now, lived_s=1, progressed=progressed, throttled=False, short=short)
        assert 0 < tries.not_before - now <= 8.0
        now = tries.not_before


def test_nothing_has_to_be_waited_for_at_first() -> None:
    tries = patience()
    assert (tries.not_before, tries.is_short(0.0)) == (0.0, False)


def test_a_service_that_asks_for_less_is_tried_later() -> None:
    tries = patience()
    assert tries.ended(10.0, lived_s=60, progressed=True, throttled=True, short=False) == 2.0
    assert tries.not_before == 12.0
