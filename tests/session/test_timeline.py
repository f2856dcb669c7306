from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.session.fed_timeline import FedTimeline

from speechwire.session._timeline import Timeline

RATE = 16000
NEAR = 8  # half a millisecond


def timeline() -> FedTimeline:
    return FedTimeline(RATE)


def test_a_first_connection_needs_no_map() -> None:
    clock = timeline()
    clock.send(0, RATE)
    clock.send(RATE, RATE)
    assert clock.identical
    assert clock.start_s(1.2345) == clock.end_s(1.2345) == 1.2345


@pytest.mark.parametrize("claimed_s", [2.5, 1e308, float("inf"), -1.0])
def test_no_time_lies_outside_of_what_was_sent(claimed_s: float) -> None:
    clock = timeline()
    clock.send(0, 2 * RATE)
    bound_s = 2.0 if claimed_s > 0 else 0.0
    assert clock.start_s(claimed_s) == clock.end_s(claimed_s) == bound_s
    clock.send(10 * RATE, RATE)
    bound_s = 11.0 if claimed_s > 3 else 10.5 if claimed_s > 0 else 0.0
    assert clock.end_s(claimed_s) == bound_s


def test_a_replay_begins_where_the_caller_was() -> None:
    clock = timeline()
    clock.send(10 * RATE, RATE)
    assert clock.start_s(0.0) == 10.0
    assert clock.end_s(0.5) == 10.5


def test_at_a_gap_an_end_lies_before_and_a_start_behind() -> None:
    clock = timeline()
    clock.send(0, RATE)
    clock.send(3 * RATE, RATE)
    assert clock.end_s(1.0) == 1.0
    assert clock.start_s(1.0) == 3.0
    assert clock.end_s(1.5) == 3.5


@pytest.mark.parametrize("seam", [1_001, 27_199, 3_599_999 * 16 + 7])
def test_a_gap_is_found_with_the_precision_of_the_wire(seam: int) -> None:
    clock = timeline()
    clock.send(0, seam)
    clock.send(seam + RATE, RATE)
    (seam_s,) = struct.unpack("f", struct.pack("f", seam / RATE))
    assert clock.start_s(seam_s) == pytest.approx(seam / RATE + 1.0, abs=0.0003)
    assert clock.end_s(seam_s) == pytest.approx(seam / RATE, abs=0.0003)


def test_a_final_that_is_repeated_keeps_its_place() -> None:
    clock = timeline()
    clock.send(0, RATE)
    clock.send(3 * RATE, RATE)
    clock.put_in(4 * RATE, RATE)
    clock.forget(3.0)
    assert (clock.start_s(0.5), clock.end_s(1.5)) == (0.5, 3.5)


def test_what_is_long_past_is_forgotten() -> None:
    clock = timeline()
    for second in range(1000):
        clock.send(2 * second * RATE, RATE)
        clock.forget(float(second))
    assert len(clock._pieces) < 40
    assert clock.start_s(998.5) == 1996.5


def test_silence_put_in_takes_no_time_of_the_callers() -> None:
    clock = timeline()
    clock.send(0, RATE)
    clock.put_in(RATE, 5 * RATE)
    clock.put_in(RATE, RATE)
    clock.send(RATE, RATE)
    assert clock.start_s(3.0) == clock.end_s(7.0) == 1.0
    assert clock.end_s(7.5) == pytest.approx(1.5)


def test_what_ends_in_silence_that_was_put_in() -> None:
    clock = timeline()
    assert not clock.is_silence(0.0)
    clock.send(0, RATE)
    assert not clock.is_silence(0.5)
    clock.put_in(RATE, RATE)
    clock.send(RATE, RATE)
    assert [clock.is_silence(time_s) for time_s in (0.5, 1.0, 1.5, 2.0, 2.5)] == [
        *(False, False, True, True, False)
    ]


def test_before_anything_was_sent_there_is_only_the_beginning() -> None:
    clock = timeline()
    assert (clock.identical, clock.start_s(1.0), clock.end_position(1.0)) == (True, 0.0, 0)


@pytest.mark.parametrize(("rounded_s", "is_beyond"), [(0.0004, False), (0.0006, True)])
def test_times_are_rounded_by_half_a_millisecond(rounded_s: float, is_beyond: bool) -> None:
    clock = timeline()
    clock.send(0, RATE)
    clock.send(3 * RATE, RATE)
    assert clock.start_s(1.0 - rounded_s) == pytest.approx(1.0 - rounded_s if is_beyond else 3.0)
    assert clock.end_s(1.0 + rounded_s) == pytest.approx((3.0 if is_beyond else 1.0) + rounded_s)


def test_audio_that_goes_on_is_one_piece() -> None:
    clock = timeline()
    for first in (10, 20):
        for number in range(5):
            clock.send((first + number) * RATE, RATE)
    assert len(clock._pieces) == 2
    assert (clock.start_s(4.5), clock.start_s(9.5)) == (14.5, 24.5)


@pytest.mark.parametrize("now", [5, 16, 17, 30])
def test_the_last_sixteen_pieces_are_kept(now: int) -> None:
    clock = timeline()
    for second in range(40):
        clock.send(2 * second * RATE, RATE)
    clock.forget(now + 0.5)
    first = max(0, now - 16)
    assert [clock.start_s(second + 0.5) for second in range(first, 40)] == [
        2 * second + 0.5 for second in range(first, 40)
    ]
    assert len(clock._pieces) == 40 - first


@pytest.mark.parametrize("offset_s", [0.0, 12.5])
def test_of_compressed_audio_only_the_beginning_tells_whether_the_clocks_agree(offset_s: float) -> None:
    clock = FedTimeline(0, offset_s)
    assert clock.identical is not bool(offset_s)
    clock.send(7, 100)
    assert clock.identical is not bool(offset_s)
    assert Timeline(Pushed(), 0).identical, "it begins with the caller's clock unless it is told otherwise"


class Pushed:
    connection_frames = 0


def test_compressed_audio_is_only_shifted() -> None:
    clock = FedTimeline(0, offset_s=12.5)
    clock.send(7, 100)
    assert not clock.identical
    assert clock.start_s(1.0) == clock.end_s(1.0) == 13.5
    assert clock.position_s == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["audio", "gap", "silence"]), st.integers(2 * NEAR, 5000)),
        min_size=1,
        max_size=30,
    ),
    st.data(),
)
def test_every_sent_frame_maps_to_where_it_came_from(
    moves: list[tuple[str, int]], data: st.DataObject
) -> None:
    clock = timeline()
    caller, where = 0, []  # where[connection frame] = caller frame
    for kind, frames in moves:
        if kind == "gap":
            caller += frames
        elif kind == "silence":
            clock.put_in(caller, frames)
            where += [caller] * frames
        else:
            clock.send(caller, frames)
            where += list(range(caller, caller + frames))
            caller += frames
    if not where:
        return
    frame = data.draw(st.integers(0, len(where) - 1))
    forgotten = data.draw(st.integers(0, frame))
    clock.forget(forgotten / RATE)
    # Times are rounded: what begins shortly before a seam may be of what comes behind it, and what ends
    # shortly behind it of what comes before.
    begins = {where[at] for at in range(frame, min(frame + NEAR, len(where) - 1) + 1)}
    assert round(clock.start_s(frame / RATE) * RATE) in begins
    ended = clock.end_position((frame + 1) / RATE)
    ends = {where[at] + step for at in range(max(0, frame - NEAR), frame + 1) for step in range(NEAR + 2)}
    assert ended in ends
    in_a_run = where[max(0, frame - NEAR) : frame + NEAR + 1]
    if in_a_run == list(range(in_a_run[0], in_a_run[0] + len(in_a_run))):
        assert clock.start_s(frame / RATE) * RATE == pytest.approx(where[frame], abs=1e-6)
        assert ended == where[frame] + 1


@given(st.integers(0, 40_000_000))
def test_positions_survive_32_bit_floats(frames: int) -> None:
    """An hour at 16 kHz in the service's precision is right to four frames: a quarter of a millisecond."""
    clock = timeline()
    clock.send(0, frames + 1)
    (rounded,) = struct.unpack("f", struct.pack("f", frames / 16000))
    assert abs(clock.end_position(rounded) - frames) <= 4
