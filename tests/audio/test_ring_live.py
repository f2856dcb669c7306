"""What goes on at once, at which pace, and what waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio.ring_use import Build, builder, drained, live
from tests.audio.rings import ENGINES, Chunker, make


@pytest.fixture(params=ENGINES)
def build(request: pytest.FixtureRequest) -> Build:
    return builder(request.param)


def test_live_audio_is_handed_over_as_it_is(build: Build) -> None:
    ring, frame = live(build()), bytes(range(40))
    assert ring.push(frame, 0.1) is frame
    assert ring.push(frame[:3], 0.2) == frame[:2]
    assert ring.push(frame[3:4], 0.3) == frame[2:4]
    assert ring.push(b"", 0.4) is None
    assert (ring.connection_frames, ring.end, ring.waiting) == (24, 24, 0)
    assert ring.last_push_at == 0.3


def test_what_does_not_continue_the_audio_goes_through_the_task(build: Build) -> None:
    """Only that can tell the timeline."""
    ring = build()
    ring.open(None, 0.0)
    ring.rest(True)
    assert ring.push(bytes(4), 0.0) == []
    assert ring.take(0.0) == (bytes(4), 0, 0)
    assert ring.push(b"live", 0.0) == b"live"
    assert ring.put_in_silence(10) == 4
    assert ring.push(bytes(4), 0.0) == []
    assert ring.take(0.0) == (bytes(4), 14, 4)
    assert ring.push(b"live", 0.0) == b"live"


def test_a_push_of_several_chunks_gives_them_all(build: Build) -> None:
    ring = live(build(converter=Chunker(4)))
    assert ring.push(b"aaaabbbbcc", 0.0) == [b"aaaa", b"bbbb"]
    assert ring.push(b"c", 0.0) is None
    assert ring.push(b"c", 0.0) == b"cccc"


def test_beyond_the_burst_audio_waits_for_its_pace(build: Build) -> None:
    ring = build(converter=Chunker(200))
    ring.open(1.25, 0.2)
    ring.push(bytes(200), 0.0)
    ring.take(0.0)
    ring.rest(True)
    assert ring.push(bytes(600), 0.0) == [bytes(200), bytes(200)]
    assert ring.waiting == 1
    assert 0.0 < ring.free_at <= 0.2


def test_a_long_message_is_cut(build: Build) -> None:
    """What is behind it would wait for all of it."""
    ring = live(build())
    assert ring.push(bytes(2 * 2500), 0.0) == []
    assert [len(message) for message, _, _ in drained(ring, 0.0)] == [2000, 2000, 1000]


def test_the_longest_message_is_a_second_however_short_that_is(build: Build) -> None:
    ring = build(frame_bytes=1, frame_rate=1)
    ring.push(b"abc", 0.0)
    assert [message for message, _, _ in drained(ring, 0.0)] == [b"a", b"b", b"c"]


def test_live_audio_never_waits(build: Build) -> None:
    ring = build(frame_rate=50)
    ring.open(1.25, 1.0)
    ring.push(bytes(2), 0.0)
    ring.take(0.0)
    ring.rest(True)
    for step in range(1, 5_000):
        assert ring.push(bytes(2), step * 0.02) == bytes(2)


@given(
    engine=st.sampled_from(ENGINES),
    frames=st.integers(2, 50),
    speed=st.floats(1.05, 4),
    burst_s=st.floats(0.1, 3),
)
def test_a_backlog_goes_at_the_allowed_speed(engine: str, frames: int, speed: float, burst_s: float) -> None:
    ring = make(engine, frame_bytes=1, frame_rate=100, queue_frames=1 << 20, replay_frames=1 << 20)
    ring.open(speed, burst_s)
    now = sent_s = 0.0
    for _ in range(100):
        ring.push(bytes(frames), now)
        now = max(now, ring.free_at)
        assert sent_s <= burst_s + speed * now + 1e-6
        ring.take(now)
        sent_s += frames / 100
    assert now <= sent_s / speed


def test_a_piece_lasts_as_long_as_its_audio(build: Build) -> None:
    ring = build(frame_rate=100, converter=Chunker(20))
    ring.push(bytes(10), 0.0)
    assert ring.piece_s == 0.0
    ring.push(bytes(10), 0.05)
    assert (ring.piece_s, ring.pushes) == (0.05, 2)
    ring.push(bytes(20_000), 0.1)
    assert ring.piece_s == 2.0, "nobody is silent for longer without being noticed"
