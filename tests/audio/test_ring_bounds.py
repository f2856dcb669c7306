"""What a ring does at its bounds: flushes among what is dropped, results within what it no longer has."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio.ring_use import Build, builder, drained, live, sent
from tests.audio.rings import ENGINES


@pytest.fixture(params=ENGINES)
def build(request: pytest.FixtureRequest) -> Build:
    return builder(request.param)


def test_a_flush_that_would_be_dropped_stays_before_what_is_left(build: Build) -> None:
    ring = build(queue_frames=4)
    ring.push(b"aaaa", 0.0)
    ring.mark_flush()
    ring.push(b"bbccdd", 0.0)
    ring.push(b"eeff", 0.0)
    assert ring.take_dropped() == (1 + 2, True)
    assert drained(ring, 0.0) == [None, (b"ccdd", 0, 3), (b"eeff", 2, 5)]


def test_of_flushes_around_what_is_dropped_one_is_left(build: Build) -> None:
    ring = build(queue_frames=4)
    for pcm in (b"aa", b"bb", b"cc"):
        ring.push(pcm, 0.0)
        ring.mark_flush()
    ring.push(b"ddeeff", 0.0)
    ring.push(b"gg", 0.0)
    assert drained(ring, 0.0) == [None, (b"ddeeff", 0, 3), (b"gg", 3, 6)]
    assert (ring.end, ring.next_position, ring.take_dropped()) == (7, 7, (3, True))


@pytest.mark.parametrize("acknowledged", range(9))
def test_a_result_ends_within_what_is_no_longer_there(build: Build, acknowledged: int) -> None:
    """Of 8 frames, in 4 messages, the last 4 are kept: a result makes good what has no replay."""
    ring = sent(build(replay_frames=4), 4)
    ring.acknowledge(acknowledged)
    assert ring.unanswered_frames() == 8 - acknowledged
    assert ring.is_unanswered == (acknowledged < 8)
    assert ring.rewind() == max(0, 4 - acknowledged)
    assert ring.unanswered_frames() == min(4, 8 - acknowledged)


@given(
    engine=st.sampled_from(ENGINES),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    replay=st.integers(0, 30),
    results=st.lists(st.integers(0, 110), max_size=4),
)
def test_what_is_counted_lost_is_what_a_replay_lacks(
    engine: str, sizes: list[int], replay: int, results: list[int]
) -> None:
    """Each frame without a result is given back or counted, and none is both."""
    ring = builder(engine)(replay_frames=replay)
    for size, acknowledged in zip(sizes, [*results, *[0] * len(sizes)], strict=False):
        ring.push(bytes(2 * size), 0.0)
        ring.take(0.0)
        ring.acknowledge(acknowledged)
        assert ring.kept_frames <= replay
    unanswered = ring.end - ring.acknowledged
    assert ring.unanswered_frames() == unanswered
    lost = ring.rewind()
    assert sum(len(message) // 2 for message, _, _ in drained(ring, 0.0)) == unanswered - lost
    assert ring.rewind() == max(0, unanswered - lost - replay)


def test_live_audio_is_kept_as_what_waited_is(build: Build) -> None:
    ring = live(build(replay_frames=4))
    assert (ring.push(b"aa", 0.0), ring.push(b"bb", 0.0)) == (b"aa", b"bb")
    assert (ring.kept_frames, ring.end, ring.next_position, ring.unanswered_frames()) == (4, 4, 4, 4)
    assert ring.push(b"cc", 0.0) == b"cc"
    assert (ring.kept_frames, ring.unanswered_frames()) == (3, 5), "messages are released whole"
    assert ring.rewind() == 2
    assert drained(ring, 0.0) == [(b"aa", 5, 2), (b"bb", 6, 3), (b"cc", 7, 4)]


@pytest.mark.parametrize("results", [[14], [8, 14], [2, 4, 8, 10, 14]])
def test_results_free_what_was_sent_again_in_proportion(build: Build, results: list[int]) -> None:
    """However many they are: the 6 frames that are left have been sent three times again."""
    ring = sent(build(), 10)
    for _ in range(3):
        ring.rewind()
        drained(ring, 0.0)
    for acknowledged in results:
        ring.acknowledge(acknowledged)
    assert ring.overdrawn_frames() == 0
    ring.rewind()
    assert ring.overdrawn_frames() == 6


def test_at_the_bound_nothing_is_released(build: Build) -> None:
    """Nor what has its result by the time it is sent again: that goes with the next result."""
    ring = sent(build(replay_frames=4), 2)
    ring.rewind()
    ring.acknowledge(2)
    assert [start for _, _, start in drained(ring, 0.0)] == [0, 2]
    assert ring.kept_frames == 4
    ring.rewind()
    assert drained(ring, 0.0) == [(bytes([1]) * 4, 8, 2)], "what has its result is not sent a third time"
    ring.acknowledge(3)
    assert (ring.kept_frames, ring.unanswered_frames()) == (2, 1)


def test_flushes_with_nothing_between_take_no_memory(build: Build) -> None:
    """An agent may ask at every pause of a caller who says nothing."""
    ring = sent(build(), 1)
    tracemalloc.start()
    try:
        for _ in range(5_000):
            ring.mark_flush()
            assert ring.take(0.0) is None
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()
    ring.rewind()
    assert drained(ring, 0.0) == [(bytes(4), 2, 0), None]


def test_what_is_lost_in_one_piece_takes_no_memory(build: Build) -> None:
    ring = build(replay_frames=0)
    tracemalloc.start()
    try:
        sent(ring, 200)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(25):
            sent(ring, 200)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
    assert ring.unanswered_frames() == ring.rewind() == 2 * 200 * 26
