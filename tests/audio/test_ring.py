"""The ring in both engines: the same answers, in any order of calls, and nothing is lost uncounted."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.audio.rings import ENGINES, Chunker, make, rings

from speechwire.audio import AudioRing
from speechwire.errors import InvalidArgumentType

QUEUE, REPLAY = 2000, 1500
RATE = 1000


KINDS = st.sampled_from([bytes, bytes, bytearray, memoryview])
SPEEDS = st.sampled_from([None, None, 1.25, 3.0])
BURSTS_S = st.sampled_from([0.0, 0.3, 5.0])


class RingMachine(RuleBasedStateMachine):
    """Audio goes in, goes out, is acknowledged and rewound in any order; what comes out is in its place."""

    @initialize(frame_bytes=st.sampled_from([1, 2, 3]), rate=st.sampled_from([RATE, RATE, 0]))
    def begin(self, frame_bytes: int, rate: int) -> None:
        self.frame_bytes, self.rate = frame_bytes, rate
        self.rings = rings(
            frame_bytes=frame_bytes, frame_rate=rate, queue_frames=QUEUE, replay_frames=REPLAY if rate else 0
        )
        self.stream = bytearray()  # everything that has passed the converter
        self.chunker: Chunker | None = None
        self.now = 100.0
        self.position = 0
        self.lost = 0
        self.arrived: set[int] = set()
        self.is_open = False

    def ask(self, call: Callable[[AudioRing], Any]) -> Any:
        first, *others = [call(ring) for ring in self.rings]
        assert all(other == first and type(other) is type(first) for other in others)
        return first

    @property
    def ring(self) -> AudioRing:
        return self.rings[0]

    def whole(self) -> int:
        return len(self.stream) // self.frame_bytes

    def arrive(self, message: bytes, start: int) -> None:
        begin = start * self.frame_bytes
        assert message, "an empty message would end the stream"
        assert message == self.stream[begin : begin + len(message)]
        assert start >= self.position, "audio goes back in time"
        self.position = start + len(message) // self.frame_bytes
        self.arrived.update(range(start, self.position))

    @rule(frames=st.integers(0, 600), excess=st.sampled_from([0, 0, 0, 1, 2]), kind=KINDS)
    def push(self, frames: int, excess: int, kind: Callable[[bytes], Any]) -> None:
        self.push_bytes(frames * self.frame_bytes + excess, kind)

    @rule(frames=st.integers(1, 30), count=st.integers(2, 40), each_s=st.sampled_from([0.0, 0.02]))
    def speak(self, frames: int, count: int, each_s: float) -> None:
        for _ in range(count):
            self.push_bytes(frames * self.frame_bytes, bytes)
            self.now += each_s

    def push_bytes(self, size: int, kind: Callable[[bytes], Any]) -> None:
        seen = len(self.stream)
        pcm = bytes((seen + n) * 7 % 251 for n in range(size))
        if self.chunker is None:
            self.stream += pcm
        else:
            self.stream += b"".join(self.chunker.push(pcm))
        outcome = self.ask(lambda ring: ring.push(kind(pcm), self.now))
        live = outcome if isinstance(outcome, list) else [outcome] if outcome else []
        assert self.is_open or not live
        for message in live:
            self.arrive(message, self.position)
        if size:
            assert self.ring.last_push_at == self.now
            assert (outcome is None) <= (self.is_open and not self.ring.waiting)
        assert self.ring.end == self.whole()

    @rule(size=st.one_of(st.none(), st.integers(1, 400)))
    def exchange(self, size: int | None) -> None:
        self.flush_converter(at_end=True)
        self.ask(lambda ring: ring.exchange(None if size is None else Chunker(size)))
        self.chunker = None if size is None else Chunker(size)

    @rule(at_end=st.booleans())
    def flush_converter(self, *, at_end: bool) -> None:
        self.ask(lambda ring: ring.flush_converter(at_end=at_end))
        if self.chunker is not None:
            self.stream += b"".join(self.chunker.flush())
        if at_end:
            self.stream += bytes(-len(self.stream) % self.frame_bytes)
        assert self.ring.end == self.whole()

    @rule()
    def mark_flush(self) -> None:
        self.ask(lambda ring: ring.mark_flush())

    @rule(speed=SPEEDS, burst_s=BURSTS_S, frames=st.integers(1, 100))
    def connect(self, speed: float | None, burst_s: float, frames: int) -> None:
        """As a session does: what waits is sent, and then the task rests."""
        self.open(speed, burst_s)
        self.push_bytes(frames * self.frame_bytes, bytes)
        self.take_all()
        self.rest(True)

    @rule(speed=SPEEDS, burst_s=BURSTS_S)
    def open(self, speed: float | None, burst_s: float) -> None:
        self.ask(lambda ring: ring.open(speed, burst_s))
        self.is_open = True
        assert self.ring.connection_frames == 0

    @rule()
    def close(self) -> None:
        self.ask(lambda ring: ring.close())
        self.is_open = False

    @rule(is_resting=st.sampled_from([True, True, False]))
    def rest(self, is_resting: bool) -> None:
        self.ask(lambda ring: ring.rest(is_resting))

    @rule(seconds=st.sampled_from([0.02, 0.3, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.ring.waiting)
    @rule()
    def take(self) -> None:
        before = self.ring.connection_frames
        taken = self.ask(lambda ring: ring.take(self.now))
        if taken is not None:
            message, begin, start = taken
            assert begin == before
            assert self.ring.connection_frames == before + len(message) // self.frame_bytes
            self.arrive(message, start)

    @rule()
    def take_all(self) -> None:
        while self.ring.waiting:
            self.take()

    @rule(frames=st.integers(1, 100))
    def put_in_silence(self, frames: int) -> None:
        self.ask(lambda ring: ring.put_in_silence(frames))

    @rule(share=st.floats(0, 1), run_up=st.sampled_from([0, 0, 250]))
    def acknowledge(self, share: float, run_up: int) -> None:
        before, position = self.ring.acknowledged, int(self.position * share)
        self.ask(lambda ring: ring.acknowledge(position, run_up))
        assert self.ring.acknowledged == max(before, position)

    @rule(replaced=st.booleans())
    def rewind(self, replaced: bool) -> None:
        queued = self.ring.queued_frames
        self.lost += self.ask(lambda ring: ring.rewind(replaced=replaced))
        assert self.ring.queued_frames >= queued
        self.position = min(self.position, self.ring.next_position)

    @rule(share=st.floats(0, 1) | st.none())
    def give_up_repeats(self, share: float | None) -> None:
        until = None if share is None else int(self.ring.end * share)
        self.lost += self.ask(lambda ring: ring.give_up_repeats(until))
        if until is None:
            assert self.ring.overdrawn_frames() == 0
        self.position = max(self.position, self.ring.next_position)

    @rule()
    def fork(self) -> None:
        """A copy answers as the ring would, and touches nothing of it."""
        copies = [ring.fork() for ring in self.rings]
        first, *others = [
            (drained(ring, self.now), ring.rewind(), drained(ring, self.now), ring.counts())
            for ring in copies
        ]
        assert all(other == first for other in others)

    @invariant()
    def all_answers_agree(self) -> None:
        dropped, _ = self.ask(lambda ring: ring.take_dropped())
        self.lost += dropped
        for name in (
            *("end", "acknowledged", "next_position", "waiting", "queued_frames", "kept_frames"),
            *("is_unanswered", "connection_frames", "pushes", "piece_s", "last_push_at", "free_at"),
        ):
            self.ask(attrgetter(name))
        self.ask(lambda ring: ring.counts())
        self.ask(lambda ring: (ring.overdrawn_frames(), ring.unanswered_frames()))

    @invariant()
    def bounded(self) -> None:
        assert self.ring.kept_frames <= REPLAY
        assert self.ring.queued_frames <= QUEUE + REPLAY

    @invariant()
    def nothing_vanishes_uncounted(self) -> None:
        """Pushed = acknowledged + still to be answered + reported lost, but for what is both."""
        ring, unanswered = self.ring, self.ring.unanswered_frames()
        assert unanswered <= ring.end - ring.acknowledged <= unanswered + self.lost
        assert ring.is_unanswered == (unanswered > 0)
        assert self.lost + unanswered <= ring.end, "something was counted twice"
        assert ring.end - len(self.arrived) <= ring.queued_frames + self.lost


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=150, stateful_step_count=60)


def drained(ring: AudioRing, now: float) -> list[Any]:
    return [ring.take(now) for _ in range(ring.waiting)]


@pytest.fixture(params=ENGINES)
def build(request: pytest.FixtureRequest) -> Callable[..., AudioRing]:
    """Make a ring of the engine under test; frames of two bytes."""
    return lambda **bounds: make(request.param, **{"frame_bytes": 2, **bounds})


Build = Callable[..., AudioRing]


def sent(ring: AudioRing, count: int) -> AudioRing:
    """So many messages of two frames, all taken."""
    for number in range(count):
        ring.push(bytes([number]) * 4, 0.0)
        ring.take(0.0)
    return ring


def live(ring: AudioRing) -> AudioRing:
    """Connected, with something sent, resting."""
    ring.open(None, 0.0)
    ring.push(bytes(4), 0.0)
    ring.take(0.0)
    ring.rest(True)
    return ring


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
