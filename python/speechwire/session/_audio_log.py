"""The audio of a stream, from the push until a result acknowledges it. Pure: no clock, no task.

Positions are bytes since the stream began, as the caller pushed them: the caller's clock. A chunk is
*queued* until it is handed to a connection, then *sent* until a result that will not change *acknowledges*
it. When a connection dies, :meth:`AudioLog.rewind` puts what was sent and not acknowledged back in front of
the queue.

Everything is bounded. A queue that overflows drops its oldest audio, which is counted at once. Sent audio
that is let go of only matters if the connection then dies, and is counted then. As long as no connection gets
further, what is sent again comes to three times what is open at most; beyond that it is given up.
"""

from __future__ import annotations

import copy
from collections import deque
from itertools import chain
from typing import Final, NamedTuple

import msgspec

__all__ = ["AudioLog", "Chunk", "FlushMark"]

_MOST_RESENT: Final = 3


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Audio, where it begins on the caller's clock in bytes, and whether it was sent before.

    Thousands are kept at a time: the garbage collector need not look at them.
    """

    start: int
    data: bytes
    is_repeat: bool = False

    @property
    def end(self) -> int:
        """Position after the last byte."""
        return self.start + len(self.data)


class FlushMark(NamedTuple):
    """A flush that was asked for behind the audio before it."""

    start: int

    @property
    def end(self) -> int:
        """The position it stands at; a mark has no length."""
        return self.start


class AudioLog:
    """A bounded FIFO of audio and flush marks that can be rewound.

    Args:
        frame_bytes: Bytes of one frame, over all channels; cuts fall between frames.
        queue_bytes: Bound of what waits to be sent.
        replay_bytes: Bound of what has been sent and is kept for a replay; 0 keeps nothing.

    Attributes:
        end: Position after the last byte pushed.
        acknowledged: Position up to which results will not change.
        waiting: Chunks and marks still to be sent; to look at, not to change.
        queued_bytes: What waits to be sent.
    """

    def __init__(self, *, frame_bytes: int, queue_bytes: int, replay_bytes: int) -> None:
        self.end = 0
        self.acknowledged = 0
        self.queued_bytes = 0
        self.waiting: deque[Chunk | FlushMark] = deque()
        self._frame_bytes = frame_bytes
        self._queue_bytes = queue_bytes
        self._replay_bytes = replay_bytes
        self._needed_from = 0  # a replay begins here: at what is acknowledged, or a run-up before it
        self._sent: deque[Chunk | FlushMark] = deque()
        self._sent_bytes = 0
        self._resent_bytes = 0  # since a connection got further
        # Sent, not acknowledged, no longer kept: from where to where.
        self._forgotten: deque[tuple[int, int]] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self.waiting)

    def fork(self) -> AudioLog:
        """A copy that goes its own way; the audio itself is shared."""
        other = copy.copy(self)
        other.waiting = self.waiting.copy()
        other._sent = self._sent.copy()
        other._forgotten = self._forgotten.copy()
        return other

    @property
    def kept_bytes(self) -> int:
        """What was sent and is kept for a replay."""
        return self._sent_bytes

    @property
    def is_half_empty(self) -> bool:
        """Whether at most half of the queue's bound waits to be sent."""
        return 2 * self.queued_bytes <= self._queue_bytes

    @property
    def unanswered(self) -> bool:
        """Whether there is audio that no result acknowledges."""
        items = chain(reversed(self.waiting), reversed(self._sent))  # the newest is the likeliest
        return bool(self._forgotten) or any(self._beyond(item) for item in items)

    def unanswered_bytes(self) -> int:
        """Audio, sent or not, that no result acknowledges; what was dropped is not counted again."""
        kept = sum(self._beyond(item) for queue in (self.waiting, self._sent) for item in queue)
        return kept + sum(end - start for start, end in self._forgotten)

    def append(self, pcm: bytes) -> int:
        """Queue audio.

        Returns:
            Bytes of older audio, or of this one's head, dropped to make room.
        """
        dropped = max(0, len(pcm) - self._queue_bytes)
        dropped += -dropped % self._frame_bytes
        self.waiting.append(Chunk(self.end + dropped, pcm[dropped:] if dropped else pcm))
        self.end += len(pcm)
        self.queued_bytes += len(pcm) - dropped
        if self.queued_bytes > self._queue_bytes:
            dropped += self._drop_overflow()
        return dropped

    def pass_on(self, pcm: bytes) -> int:
        """Count audio as sent that is handed to a connection in this moment; only while nothing waits.

        Returns:
            Where it begins.
        """
        start, size = self.end, len(pcm)
        self._sent.append(Chunk(start, pcm))
        self.end = start + size
        self._sent_bytes += size
        if self._sent_bytes > self._replay_bytes:
            self._forget()
        return start

    def mark_flush(self) -> None:
        """Ask for a flush behind the audio pushed so far; one behind the same audio is one."""
        if not (self.waiting and isinstance(self.waiting[-1], FlushMark)):
            self.waiting.append(FlushMark(self.end))

    def take(self) -> Chunk | FlushMark:
        """Take the next thing to send. It counts as sent from now on, so no cancellation can lose it."""
        item = self.waiting.popleft()
        if isinstance(item, FlushMark) and self._sent and isinstance(self._sent[-1], FlushMark):
            return item  # one behind the same audio is one
        self._sent.append(item)
        if isinstance(item, Chunk):
            self.queued_bytes -= len(item.data)
            self._sent_bytes += len(item.data)
            if item.is_repeat:
                self._resent_bytes += len(item.data)
            if self._sent_bytes > self._replay_bytes:
                self._forget()
        return item

    def acknowledge(self, position: int, run_up_bytes: int = 0) -> None:
        """Say that everything before ``position`` has a result that will not change.

        Args:
            position: In bytes; one beyond the end counts as the end.
            run_up_bytes: A replay must begin so much earlier, because the cut may lie inside a word.
        """
        self.acknowledged = max(self.acknowledged, min(position, self.end))
        self._needed_from = max(self._needed_from, min(position, self.acknowledged) - run_up_bytes)
        while self._forgotten and self._forgotten[0][0] < self.acknowledged:
            start, end = self._forgotten.popleft()
            if end > self.acknowledged:
                self._forgotten.appendleft((self.acknowledged, end))
                break
        self._forget()

    def rewind(self, *, got_further: bool = True) -> int:
        """Put what was sent and is not acknowledged back in front of the queue.

        Args:
            got_further: Whether the connection got further than any before.

        Returns:
            Bytes that should be sent again and cannot: they were let go of.
        """
        lost = sum(end - start for start, end in self._forgotten)
        self._forgotten.clear()
        if got_further:
            self._resent_bytes = 0
        while self._sent:
            item = self._sent.pop()
            if isinstance(item, FlushMark):
                self._requeue_mark(item)
            elif item.end > self._needed_from:
                self._requeue(item)
        self._sent_bytes = 0
        return lost

    def overdrawn_bytes(self) -> int:
        """How much more would be sent again than three times what is open, if it were sent now.

        The run-up to what is open counts as open.
        """
        again = sum(len(item.data) for item in self.waiting if isinstance(item, Chunk) and item.is_repeat)
        open_bytes = self.unanswered_bytes() + self.acknowledged - self._needed_from
        return max(0, self._resent_bytes + again - _MOST_RESENT * open_bytes)

    def give_up_repeats(self) -> int:
        """Send nothing again that was sent before.

        Returns:
            Bytes of it that no result acknowledges.
        """
        lost = self._resent_bytes = 0
        keep: deque[Chunk | FlushMark] = deque()
        for item in self.waiting:
            if isinstance(item, Chunk) and item.is_repeat:
                self.queued_bytes -= len(item.data)
                lost += self._beyond(item)
            elif isinstance(item, Chunk) or not keep or isinstance(keep[-1], Chunk):
                keep.append(item)
        self.waiting = keep
        return lost

    def _requeue_mark(self, mark: FlushMark) -> None:
        beside = self.waiting and isinstance(self.waiting[0], FlushMark)
        if mark.start > self.acknowledged and not beside:
            self.waiting.appendleft(mark)

    def _requeue(self, chunk: Chunk) -> None:
        skip = max(0, self._needed_from - chunk.start)
        skip -= skip % self._frame_bytes
        self.waiting.appendleft(Chunk(chunk.start + skip, chunk.data[skip:], True))
        self.queued_bytes += len(chunk.data) - skip

    def _beyond(self, item: Chunk | FlushMark) -> int:
        """How much of it is not acknowledged."""
        return max(0, item.end - max(item.start, self.acknowledged))

    def _forget(self) -> None:
        """Let go of what no replay needs, then of the oldest beyond the bound."""
        while self._sent and (
            self._sent[0].end <= self._needed_from or self._sent_bytes > self._replay_bytes
        ):
            item = self._sent.popleft()
            if isinstance(item, Chunk):
                self._sent_bytes -= len(item.data)
                if item.end > self.acknowledged:
                    self._note_forgotten(max(item.start, self.acknowledged), item.end)

    def _note_forgotten(self, start: int, end: int) -> None:
        if self._forgotten and self._forgotten[-1][1] == start:
            start, _ = self._forgotten.pop()
        self._forgotten.append((start, end))

    def _drop_overflow(self) -> int:
        """Drop the oldest queued audio beyond the bound; of the marks before it one stays."""
        dropped, marked = 0, False
        while (excess := self.queued_bytes - self._queue_bytes) > 0:
            item = self.waiting.popleft()
            if isinstance(item, FlushMark):
                marked = True
                continue
            excess += -excess % self._frame_bytes
            head = item
            if excess < len(item.data):
                head = Chunk(item.start, item.data[:excess], item.is_repeat)
                self.waiting.appendleft(Chunk(head.end, item.data[excess:], item.is_repeat))
            self.queued_bytes -= len(head.data)
            dropped += self._beyond(head)
        if marked and not isinstance(self.waiting[0], FlushMark):
            self.waiting.appendleft(FlushMark(self.waiting[0].start))
        return dropped
