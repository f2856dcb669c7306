"""The ring in both engines: the same answers, in any order of calls, and nothing is lost uncounted."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.audio.ring_use import drained
from tests.audio.rings import Chunker, rings

from speechwire.audio import AudioRing

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
        else:  # a flush, before audio that was given up
            self.position = max(self.position, self.ring.next_position)

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
