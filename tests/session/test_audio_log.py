from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.session.counted import SAMPLE_BYTES, counted, indices

from speechwire.session._audio_log import AudioLog, Chunk, Mark

QUEUE, REPLAY = 4000, 3000


class LogMachine(RuleBasedStateMachine):
    """Audio goes in, is taken, covered and rewound in any order; what comes out is always in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.log: AudioLog[int] = AudioLog(frame_bytes=SAMPLE_BYTES, queue_bytes=QUEUE, replay_bytes=REPLAY)
        self.pushed = self.marks = 0
        self.position = 0
        self.dropped = self.unreplayable = 0
        self.arrived: set[int] = set()
        self.seen_marks: list[int] = []

    @rule(samples=st.integers(2, 800))
    def push(self, samples: int) -> None:
        self.dropped += self.log.append(counted(self.pushed, samples))
        assert self.log.queued_bytes <= QUEUE
        self.pushed += samples

    @precondition(lambda self: not self.log)
    @rule(samples=st.integers(2, 800))
    def pass_on(self, samples: int) -> None:
        self.position = self.log.pass_on(counted(self.pushed, samples))
        assert self.position == self.pushed * SAMPLE_BYTES
        self.pushed += samples
        self.position = self.log.end
        self.arrived.update(range(self.log.end - samples * SAMPLE_BYTES, self.log.end))

    @rule()
    def mark(self) -> None:
        self.log.mark(self.marks)
        self.marks += 1

    @precondition(lambda self: bool(self.log))
    @rule()
    def take(self) -> None:
        item = self.log.take()
        if isinstance(item, Mark):
            self.seen_marks.append(item.control)
            return
        assert isinstance(item, Chunk)
        if len(item.data) >= 4:
            assert indices(item.data)[0] == item.start // SAMPLE_BYTES
        assert item.start >= self.position, "audio goes back in time"
        self.arrived.update(range(item.start, item.end))
        self.position = item.end

    @rule(share=st.floats(0, 1.2))
    def cover(self, share: float) -> None:
        before = self.log.covered
        self.log.cover(int(self.position * share))
        assert before <= self.log.covered <= self.log.end

    @rule()
    def rewind(self) -> None:
        queued = self.log.queued_bytes
        self.unreplayable += self.log.rewind()
        assert self.log.queued_bytes >= queued
        self.position = min(self.position, self.log.covered // SAMPLE_BYTES * SAMPLE_BYTES)
        self.seen_marks.clear()

    @invariant()
    def bounded(self) -> None:
        assert self.log.kept_bytes <= REPLAY
        assert self.log.queued_bytes <= QUEUE + REPLAY

    @invariant()
    def nothing_vanishes_uncounted(self) -> None:
        """What was pushed has been sent, is queued, or was counted as dropped."""
        assert self.log.dropped_bytes == self.dropped
        never = 2 * self.pushed - len(self.arrived)
        assert never <= self.log.queued_bytes + self.dropped
        assert self.dropped + self.unreplayable <= 2 * self.pushed

    @invariant()
    def marks_in_order(self) -> None:
        assert self.seen_marks == sorted(self.seen_marks)


TestAudioLog = LogMachine.TestCase


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.integers(0, 10_000))
def test_a_rewind_gives_back_exactly_what_is_not_covered(sizes: list[int], covered: int) -> None:
    log: AudioLog[None] = AudioLog(frame_bytes=2, queue_bytes=1 << 20, replay_bytes=1 << 20)
    audio = b"".join(
        counted(0, sum(sizes))[2 * sum(sizes[:i]) : 2 * sum(sizes[: i + 1])] for i in range(len(sizes))
    )
    start = 0
    for size in sizes:
        log.append(audio[start : start + 2 * size])
        start += 2 * size
    while log:
        log.take()
    log.cover(covered)
    assert log.rewind() == 0
    again = b""
    while log:
        item = log.take()
        assert isinstance(item, Chunk)
        assert item.start == len(audio) - log.queued_bytes - len(item.data)
        again += item.data
    first = min(covered, len(audio)) // 2 * 2
    assert again == audio[first:]


def test_overflow_drops_the_oldest_and_keeps_marks() -> None:
    log: AudioLog[str] = AudioLog(frame_bytes=2, queue_bytes=8, replay_bytes=8)
    assert log.append(b"aaaa") == 0
    log.mark("first")
    assert log.append(b"bbbb") == 0
    log.mark("second")
    assert log.append(b"cccc") == 4
    items = [log.take() for _ in range(4)]
    assert items == [Mark(4, "first"), Chunk(4, b"bbbb"), Mark(8, "second"), Chunk(8, b"cccc")]


def test_what_cannot_be_replayed_is_counted_once() -> None:
    log: AudioLog[str] = AudioLog(frame_bytes=2, queue_bytes=100, replay_bytes=8)
    for _ in range(4):
        log.append(b"xxxx")
        log.take()
    assert log.rewind() == 8
    assert log.rewind() == 0
    assert log.queued_bytes == 8


def test_a_mark_that_was_covered_is_not_repeated() -> None:
    log: AudioLog[str] = AudioLog(frame_bytes=2, queue_bytes=100, replay_bytes=100)
    log.append(b"xxxx")
    log.mark("done")
    log.append(b"yyyy")
    log.mark("open")
    while log:
        log.take()
    log.cover(4)
    log.rewind()
    assert [log.take() for _ in range(2)] == [Chunk(4, b"yyyy"), Mark(8, "open")]
    assert not log
