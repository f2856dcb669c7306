"""What was really heard, by clock and marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from speechwire.server._playback import Playback


def test_without_reports_the_clock_says_it() -> None:
    playback = Playback()
    playback.sent(2.0, now_s=10.0)
    assert playback.heard_s(9.0) == 0.0
    assert playback.heard_s(10.5) == 0.5
    assert playback.heard_s(13.0) == 2.0
    assert playback.ends_s() == 12.0


def test_an_utterance_waits_for_the_one_before() -> None:
    playback = Playback(not_before_s=15.0)
    playback.sent(2.0, now_s=10.0)
    assert playback.heard_s(15.0) == 0.0
    assert playback.heard_s(16.0) == 1.0


def test_a_gap_in_what_is_sent_is_a_gap_in_what_is_heard() -> None:
    playback = Playback()
    playback.sent(1.0, now_s=0.0)
    playback.sent(1.0, now_s=5.0)
    assert playback.heard_s(5.0) == 1.0
    assert playback.heard_s(5.5) == 1.5


def test_a_report_moves_the_clock() -> None:
    playback = Playback()
    playback.sent(4.0, now_s=0.0)
    playback.reported(1.0, now_s=1.75)
    assert playback.heard_s(1.75) == 1.0
    assert playback.heard_s(2.25) == 1.5
    assert playback.ends_s() == 4.75


@given(
    st.lists(
        st.tuples(st.sampled_from(["sent", "reported", "wait"]), st.floats(0, 5, allow_nan=False)),
        max_size=30,
    )
)
def test_never_more_than_was_sent_and_never_less_than_was_reported(steps: list[tuple[str, float]]) -> None:
    playback, now_s = Playback(), 0.0
    for step, value in steps:
        if step == "sent":
            playback.sent(value, now_s)
        elif step == "reported":
            playback.reported(value, now_s)
        else:
            now_s += value
        assert playback.reported_s <= playback.heard_s(now_s) <= playback.sent_s
        assert playback.heard_s(now_s) <= playback.heard_s(now_s + 1.0)
