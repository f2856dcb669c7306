"""What a ring keeps, drops, counts and gives back, in both engines."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio.ring_use import Build, builder, drained, sent
from tests.audio.rings import ENGINES, Chunker, make

from speechwire.errors import InvalidArgumentType


@pytest.fixture(params=ENGINES)
def build(request: pytest.FixtureRequest) -> Build:
    return builder(request.param)


def test_overflow_drops_the_oldest_and_keeps_a_flush(build: Build) -> None:
    ring = build(queue_frames=4)
    for pcm in (b"aaaa", b"bbbb", b"cccc"):
        ring.push(pcm, 0.0)
        ring.mark_flush()
    assert ring.take_dropped() == (2, True)
    assert drained(ring, 0.0) == [None, (b"bbbb", 0, 2), None, (b"cccc", 2, 4), None]


def test_an_overflow_begins_once_while_it_lasts(build: Build) -> None:
    ring = build(queue_frames=4)
    begun = []
    for _ in range(5):
        ring.push(bytes(4), 0.0)
        begun.append(ring.take_dropped())
    assert begun == [(0, False), (0, False), (2, True), (2, False), (2, False)]
    drained(ring, 0.0)
    ring.push(bytes(4), 0.0)
    ring.push(bytes(8), 0.0)
    assert ring.take_dropped() == (2, True)


def test_of_a_push_beyond_the_bound_the_head_is_dropped(build: Build) -> None:
    ring = build(queue_frames=4)
    ring.push(b"aaaa", 0.0)
    ring.push(b"bbccddeeffgg", 0.0)
    assert ring.take_dropped()[0] == 2 + 2
    assert drained(ring, 0.0) == [(b"ddeeffgg", 0, 4)]
    assert ring.end == 8


def test_flushes_behind_the_same_audio_are_one(build: Build) -> None:
    ring = build()
    ring.push(b"aaaa", 0.0)
    for _ in range(50_000):
        ring.mark_flush()
    assert ring.waiting == 2
    drained(ring, 0.0)
    ring.mark_flush()
    ring.rewind()
    assert drained(ring, 0.0) == [(b"aaaa", 2, 0), None]


def test_what_cannot_be_replayed_is_counted_once(build: Build) -> None:
    ring = sent(build(replay_frames=4), 4)
    assert ring.rewind() == 4
    assert ring.rewind() == 0
    assert ring.queued_frames == 4


def test_without_a_replay_nothing_is_kept(build: Build) -> None:
    ring = sent(build(replay_frames=0), 4)
    assert ring.kept_frames == 0
    assert ring.unanswered_frames() == 8
    assert ring.rewind() == 8
    assert ring.queued_frames == 0


def test_compressed_audio_is_not_kept_and_keeps_its_messages(build: Build) -> None:
    ring = build(frame_bytes=1, frame_rate=0, replay_frames=0, queue_frames=1 << 20)
    packets = [b"one", b"second", b"3"]
    for packet in packets:
        ring.push(packet, 0.0)
    assert [message for message, _, _ in drained(ring, 0.0)] == packets
    assert not ring.is_unanswered


def test_what_is_kept_for_a_run_up_alone_is_answered(build: Build) -> None:
    ring = sent(build(), 3)
    ring.acknowledge(ring.end - 1, 5)
    assert ring.is_unanswered
    ring.acknowledge(ring.end, 5)
    assert ring.kept_frames > 0
    assert not ring.is_unanswered


def test_an_acknowledged_flush_is_not_repeated(build: Build) -> None:
    ring = build()
    for pcm in (b"xxxx", b"yyyy"):
        ring.push(pcm, 0.0)
        ring.mark_flush()
    drained(ring, 0.0)
    ring.acknowledge(2)
    ring.rewind()
    assert drained(ring, 0.0) == [(b"yyyy", 4, 2), None]


def test_what_is_sent_again_is_three_times_what_is_open_at_most(build: Build) -> None:
    ring = sent(build(), 3)
    for _ in range(3):
        ring.rewind()
        assert ring.overdrawn_frames() == 0
        drained(ring, 0.0)
    ring.rewind()
    assert ring.overdrawn_frames() == 6
    ring.push(bytes(12), 0.0)
    assert ring.overdrawn_frames() == 0, "new audio makes room"
    assert ring.give_up_repeats() == 6
    assert [taken[0] for taken in drained(ring, 0.0)] == [bytes(12)]


def test_the_run_up_to_what_is_open_may_be_sent_again_as_often_as_that(build: Build) -> None:
    ring = build()
    ring.push(bytes(1000), 0.0)
    ring.take(0.0)
    ring.acknowledge(450, 400)
    for _ in range(3):
        ring.rewind()
        assert ring.overdrawn_frames() == 0
        ring.take(0.0)
    ring.rewind()
    assert ring.overdrawn_frames() == 450


def test_a_result_frees_what_was_sent_again_of_the_audio_it_finishes(build: Build) -> None:
    ring = sent(build(), 10)
    for _ in range(3):
        ring.rewind()
        drained(ring, 0.0)
    ring.acknowledge(16)
    ring.rewind()
    assert ring.overdrawn_frames() == 4, "the rest was sent three times again"
    ring.acknowledge(20)
    sent(ring, 2)
    ring.rewind()
    assert ring.overdrawn_frames() == 0


def test_what_a_replacement_has_sent_again_does_not_count(build: Build) -> None:
    ring = sent(build(), 3)
    for _ in range(9):
        ring.rewind(replaced=True)
        assert ring.overdrawn_frames() == 0
        drained(ring, 0.0)
    for _ in range(3):
        ring.rewind()
        assert ring.overdrawn_frames() == 0
        drained(ring, 0.0)
    ring.rewind()
    assert ring.overdrawn_frames() == 6


def test_the_head_of_what_is_sent_again_can_be_given_up_alone(build: Build) -> None:
    ring = sent(build(), 3)  # messages of two frames
    ring.push(b"newone", 0.0)
    ring.rewind()
    assert ring.give_up_repeats(3) == 4
    assert [taken[2] for taken in drained(ring, 0.0) if taken] == [4, 6]


def test_results_that_come_slowly_do_not_have_the_rest_sent_for_ever(build: Build) -> None:
    ring = sent(build(), 20)
    rounds = 0
    while ring.overdrawn_frames() == 0:
        rounds += 1
        drained(ring, 0.0)
        ring.acknowledge(rounds)
        ring.rewind()
    assert 3 <= rounds <= 5


@given(
    engine=st.sampled_from(ENGINES),
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=20),
    acknowledged=st.integers(0, 10_000),
    run_up=st.integers(0, 300),
)
def test_a_rewind_gives_back_exactly_what_is_needed(
    engine: str, sizes: list[int], acknowledged: int, run_up: int
) -> None:
    ring = make(engine, frame_bytes=2)
    audio = bytes(n * 7 % 251 for n in range(2 * sum(sizes)))
    start = 0
    for size in sizes:
        ring.push(audio[2 * start : 2 * (start + size)], 0.0)
        start += size
    drained(ring, 0.0)
    ring.acknowledge(acknowledged, run_up)
    assert ring.rewind() == 0
    taken = drained(ring, 0.0)
    first = max(0, min(acknowledged, start) - run_up)
    assert b"".join(message for message, _, _ in taken) == audio[2 * first :]
    assert not taken or taken[0][2] == first


@pytest.mark.parametrize("wrong", [None, 7, "text", memoryview(bytes(8))[::2]])
def test_what_is_no_audio_is_refused(build: Build, wrong: Any) -> None:
    ring = build()
    with pytest.raises(InvalidArgumentType, match="pcm must be a C-contiguous bytes-like object"):
        ring.push(wrong, 0.0)
    assert ring.end == ring.pushes == 0


def test_a_converter_that_fails_leaves_the_ring_as_it_was(build: Build) -> None:
    class Failing(Chunker):
        def push(self, pcm: bytes, /) -> list[bytes]:
            raise ArithmeticError("push")

        def flush(self) -> list[bytes]:
            raise ArithmeticError("flush")

    ring = build(converter=Failing(4))
    calls: list[Callable[[], object]] = [
        lambda: ring.push(bytes(8), 0.0),
        ring.flush_converter,
        lambda: ring.flush_converter(at_end=True),
        lambda: ring.exchange(None),
    ]
    for call in calls:
        with pytest.raises(ArithmeticError):
            call()
    assert ring.end == ring.waiting == 0


def test_a_converter_may_look_at_the_ring(build: Build) -> None:
    seen = []

    class Curious(Chunker):
        def push(self, pcm: bytes, /) -> list[bytes]:
            seen.append(ring.counts())
            return super().push(pcm)

    ring = build(converter=Curious(4))
    ring.push(bytes(8), 0.0)
    assert seen == [(0, 0, 0, 0)]


def test_a_ring_cannot_be_copied(build: Build) -> None:
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            copier(build())


def test_what_holds_its_own_ring_is_collected(build: Build) -> None:
    import gc  # noqa: PLC0415
    import weakref  # noqa: PLC0415

    chunker = Chunker(4)
    chunker.ring = build(converter=chunker)  # type: ignore[attr-defined]
    gone = weakref.ref(chunker)
    del chunker
    gc.collect()
    assert gone() is None
