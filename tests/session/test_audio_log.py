from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.session.counted import SAMPLE_BYTES, counted, indices

from speechwire.session._audio_log import AudioLog, Chunk, FlushMark

QUEUE, REPLAY = 4000, 3000


class LogMachine(RuleBasedStateMachine):
    """Audio goes in, is taken, acknowledged and rewound in any order; what comes out is in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.log = AudioLog(frame_bytes=SAMPLE_BYTES, queue_bytes=QUEUE, replay_bytes=REPLAY)
        self.pushed = 0
        self.position = 0
        self.lost = 0
        self.arrived: set[int] = set()
        self.seen_marks: list[int] = []

    @rule(samples=st.integers(2, 3000))
    def push(self, samples: int) -> None:
        self.lost += self.log.append(counted(self.pushed, samples))
        self.pushed += samples
        assert self.log.end == self.pushed * SAMPLE_BYTES
        assert self.log.queued_bytes <= QUEUE

    @precondition(lambda self: not self.log)
    @rule(samples=st.integers(2, 800))
    def pass_on(self, samples: int) -> None:
        assert self.log.pass_on(counted(self.pushed, samples)) == self.pushed * SAMPLE_BYTES
        self.arrived.update(range(self.pushed * SAMPLE_BYTES, (self.pushed + samples) * SAMPLE_BYTES))
        self.pushed += samples
        self.position = self.log.end

    @rule()
    def flush(self) -> None:
        self.log.mark_flush()

    @precondition(lambda self: bool(self.log))
    @rule()
    def take(self) -> None:
        item = self.log.take()
        assert item.start >= self.position, "audio goes back in time"
        if isinstance(item, FlushMark):
            self.seen_marks.append(item.start)
            return
        assert item.data, "an empty message would end the stream"
        if len(item.data) >= 4:
            assert indices(item.data)[0] == item.start // SAMPLE_BYTES
        self.arrived.update(range(item.start, item.end))
        self.position = item.end

    @rule(share=st.floats(0, 1), run_up=st.sampled_from([0, 0, 500]))
    def acknowledge(self, share: float, run_up: int) -> None:
        before = self.log.acknowledged
        self.log.acknowledge(int(self.position * share) // SAMPLE_BYTES * SAMPLE_BYTES, run_up)
        assert before <= self.log.acknowledged <= self.log.end

    @rule(got_further=st.booleans())
    def rewind(self, got_further: bool) -> None:
        queued = self.log.queued_bytes
        self.lost += self.log.rewind(got_further=got_further)
        assert self.log.queued_bytes >= queued
        waiting = self.log.waiting
        self.position = min(self.position, waiting[0].start if waiting else self.log.end)
        self.seen_marks.clear()

    @rule()
    def give_up(self) -> None:
        self.lost += self.log.give_up_repeats()
        assert not any(isinstance(item, Chunk) and item.is_repeat for item in self.log.waiting)
        assert self.log.overdrawn_bytes() == 0

    @invariant()
    def bounded(self) -> None:
        assert self.log.kept_bytes <= REPLAY
        assert self.log.queued_bytes <= QUEUE + REPLAY
        chunks = sum(isinstance(item, Chunk) for item in self.log.waiting)
        assert len(self.log.waiting) <= 2 * chunks + 1, "flushes behind the same audio are one"

    @invariant()
    def nothing_vanishes_uncounted(self) -> None:
        """Pushed = acknowledged + still to be answered + reported lost, but for what is both."""
        assert self.log.unanswered_bytes() <= self.log.end - self.log.acknowledged
        assert self.log.end - self.log.acknowledged <= self.log.unanswered_bytes() + self.lost
        assert self.log.unanswered == (self.log.unanswered_bytes() > 0)
        assert self.lost + self.log.unanswered_bytes() <= self.log.end, "something was counted twice"
        never = self.log.end - len(self.arrived)
        assert never <= self.log.queued_bytes + self.lost

    @invariant()
    def marks_in_order(self) -> None:
        assert self.seen_marks == sorted(self.seen_marks)


TestAudioLog = LogMachine.TestCase


def filled(count: int, **bounds: int) -> AudioLog:
    """So many chunks of four bytes, all taken."""
    log = AudioLog(frame_bytes=2, **{"queue_bytes": 1 << 20, "replay_bytes": 1 << 20, **bounds})
    for number in range(count):
        log.append(bytes([number]) * 4)
        log.take()
    return log


def taken(log: AudioLog) -> list[Chunk | FlushMark]:
    return [log.take() for _ in range(len(log.waiting))]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.integers(0, 10_000), st.integers(0, 300))
def test_a_rewind_gives_back_exactly_what_is_not_acknowledged(
    sizes: list[int], acknowledged: int, run_up: int
) -> None:
    log = AudioLog(frame_bytes=2, queue_bytes=1 << 20, replay_bytes=1 << 20)
    audio = counted(0, sum(sizes))
    start = 0
    for size in sizes:
        log.append(audio[start : start + 2 * size])
        start += 2 * size
    taken(log)
    log.acknowledge(acknowledged, 2 * run_up)
    assert log.rewind() == 0
    items = taken(log)
    again = b"".join(item.data for item in items if isinstance(item, Chunk))
    first = max(0, min(acknowledged, len(audio)) - 2 * run_up) // 2 * 2
    assert again == audio[first:]
    assert not items or items[0].start == first


def test_overflow_drops_the_oldest_and_keeps_a_flush() -> None:
    log = AudioLog(frame_bytes=2, queue_bytes=8, replay_bytes=8)
    assert log.append(b"aaaa") == 0
    log.mark_flush()
    assert log.append(b"bbbb") == 0
    log.mark_flush()
    assert log.append(b"cccc") == 4
    assert taken(log) == [FlushMark(4), Chunk(4, b"bbbb"), FlushMark(8), Chunk(8, b"cccc")]


def test_of_a_push_beyond_the_bound_the_head_is_dropped() -> None:
    log = AudioLog(frame_bytes=2, queue_bytes=8, replay_bytes=8)
    log.append(b"aaaa")
    assert log.append(b"bbccddeeffgg") == 4 + 4
    assert taken(log) == [Chunk(8, b"ddeeffgg")]
    assert log.end == 16


def test_flushes_behind_the_same_audio_are_one() -> None:
    log = AudioLog(frame_bytes=2, queue_bytes=8, replay_bytes=8)
    log.append(b"aaaa")
    for _ in range(50_000):
        log.mark_flush()
    assert len(log.waiting) == 2
    taken(log)
    log.mark_flush()
    log.rewind()
    assert taken(log) == [Chunk(0, b"aaaa", is_repeat=True), FlushMark(4)]


def test_what_cannot_be_replayed_is_counted_once() -> None:
    log = filled(4, replay_bytes=8)
    assert log.rewind() == 8
    assert log.rewind() == 0
    assert log.queued_bytes == 8


def test_without_a_replay_nothing_is_kept() -> None:
    log = filled(4, replay_bytes=0)
    assert log.kept_bytes == 0
    assert log.unanswered_bytes() == 16
    assert log.rewind() == 16
    assert log.queued_bytes == 0


def test_an_acknowledged_flush_is_not_repeated() -> None:
    log = AudioLog(frame_bytes=2, queue_bytes=100, replay_bytes=100)
    log.append(b"xxxx")
    log.mark_flush()
    log.append(b"yyyy")
    log.mark_flush()
    taken(log)
    log.acknowledge(4)
    log.rewind()
    assert taken(log) == [Chunk(4, b"yyyy", is_repeat=True), FlushMark(8)]


def test_what_is_sent_again_is_three_times_what_is_open_at_most() -> None:
    log = filled(3)
    for _ in range(3):
        log.rewind(got_further=False)
        assert log.overdrawn_bytes() == 0
        taken(log)
    log.rewind(got_further=False)
    assert log.overdrawn_bytes() == 12
    log.append(bytes(12))
    assert log.overdrawn_bytes() == 0, "new audio makes room"
    assert log.give_up_repeats() == 12
    assert taken(log) == [Chunk(12, bytes(12))]


def test_a_connection_that_got_further_makes_sending_again_free() -> None:
    log = filled(3)
    for _ in range(20):
        log.rewind(got_further=True)
        assert log.overdrawn_bytes() == 0
        taken(log)
