"""The audio of a stream, from the push until a result covers it. Pure: no clock, no task.

Positions are bytes since the stream began, as the caller pushed them: the caller's clock. A chunk is
*queued* until it is handed to a connection, then *sent* until it is *covered* by a result that will not
change. When a connection dies, :meth:`AudioLog.rewind` puts what was sent and not covered back in front of
the queue.

Both parts are bounded. The oldest gives way: a queue that overflows drops audio nobody has heard yet, which
is counted at once; sent audio that gives way only matters if the connection then dies, and is counted then.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

import msgspec

__all__ = ["AudioLog", "Chunk", "Mark"]

C = TypeVar("C")


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Audio, and where it begins on the caller's clock, in bytes.

    Thousands are kept at a time: the garbage collector need not look at them.
    """

    start: int
    data: bytes

    @property
    def end(self) -> int:
        """Position after the last byte."""
        return self.start + len(self.data)


class Mark(NamedTuple, Generic[C]):
    """Something to do when the audio before it has been sent."""

    start: int
    control: C

    @property
    def end(self) -> int:
        """The position it stands at; a mark has no length."""
        return self.start


class AudioLog(Generic[C]):
    """A bounded FIFO of audio and marks that can be rewound.

    Args:
        frame_bytes: Bytes of one frame, over all channels; cuts fall between frames.
        queue_bytes: Bound of what waits to be sent.
        replay_bytes: Bound of what has been sent and is kept for a replay; 0 keeps nothing.

    Attributes:
        end: Position after the last byte pushed.
        covered: Position up to which no replay is needed.
        waiting: Chunks and marks still to be sent; to look at, not to change.
        queued_bytes: What waits to be sent.
        dropped_bytes: What was dropped before it was ever sent, since the log was made.
    """

    def __init__(self, *, frame_bytes: int, queue_bytes: int, replay_bytes: int) -> None:
        self.end = 0
        self.covered = 0
        self.queued_bytes = 0
        self.dropped_bytes = 0
        self._frame_bytes = frame_bytes
        self._queue_bytes = queue_bytes
        self._replay_bytes = replay_bytes
        self.waiting: deque[Chunk | Mark[C]] = deque()
        self._sent: deque[Chunk | Mark[C]] = deque()
        self._sent_bytes = 0
        self._forgotten: deque[tuple[int, int]] = (
            deque()
        )  # sent, not covered, no longer kept: from where to where

    def __bool__(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self.waiting)

    @property
    def kept_bytes(self) -> int:
        """What was sent and is kept for a replay."""
        return self._sent_bytes

    def append(self, pcm: bytes) -> int:
        """Queue audio.

        Returns:
            Bytes of older audio dropped to make room.
        """
        self.waiting.append(Chunk(self.end, pcm))
        self.end += len(pcm)
        self.queued_bytes += len(pcm)
        return self._drop_overflow()

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

    def mark(self, control: C) -> None:
        """Queue something to do after the audio pushed so far."""
        self.waiting.append(Mark(self.end, control))

    def take(self) -> Chunk | Mark[C]:
        """Take the next thing to send. It counts as sent from now on, so no cancellation can lose it."""
        item = self.waiting.popleft()
        self._sent.append(item)
        if isinstance(item, Chunk):
            self.queued_bytes -= len(item.data)
            self._sent_bytes += len(item.data)
            if self._sent_bytes > self._replay_bytes:
                self._forget()
        return item

    def cover(self, position: int) -> None:
        """Say that everything before ``position`` has a result that will not change."""
        self.covered = max(self.covered, min(position, self.end))
        while self._forgotten and self._forgotten[0][0] < self.covered:
            start, end = self._forgotten.popleft()
            if end > self.covered:
                self._forgotten.appendleft((self.covered, end))
                break
        self._forget()

    def rewind(self) -> int:
        """Put what was sent and is not covered back in front of the queue; covered marks are forgotten.

        Returns:
            Bytes that should be sent again and cannot: they gave way to :attr:`replay_bytes`.
        """
        lost = sum(end - start for start, end in self._forgotten)
        self._forgotten.clear()
        while self._sent:
            item = self._sent.pop()
            if isinstance(item, Mark):
                if item.start > self.covered:
                    self.waiting.appendleft(item)
            elif item.end > self.covered:
                cut = self._trim(item)
                self.waiting.appendleft(cut)
                self.queued_bytes += len(cut.data)
        self._sent_bytes = 0
        return lost

    def _trim(self, chunk: Chunk) -> Chunk:
        """Cut off what is covered, at a frame boundary."""
        skip = max(0, self.covered - chunk.start)
        skip -= skip % self._frame_bytes
        return Chunk(chunk.start + skip, chunk.data[skip:])

    def _forget(self) -> None:
        """Let go of what is covered, then of the oldest beyond the bound."""
        while self._sent and (self._sent[0].end <= self.covered or self._sent_bytes > self._replay_bytes):
            item = self._sent.popleft()
            if isinstance(item, Chunk):
                self._sent_bytes -= len(item.data)
                if item.end > self.covered:
                    self._note_forgotten(max(item.start, self.covered), item.end)

    def _note_forgotten(self, start: int, end: int) -> None:
        if self._forgotten and self._forgotten[-1][1] == start:
            start, _ = self._forgotten.pop()
        self._forgotten.append((start, end))

    def _drop_overflow(self) -> int:
        """Drop the oldest queued audio beyond the bound; marks stay, in order."""
        dropped = 0
        marks: list[Mark[C]] = []
        while self.queued_bytes > self._queue_bytes:
            item = self.waiting.popleft()
            if isinstance(item, Mark):
                marks.append(item)
            else:
                self.queued_bytes -= len(item.data)
                dropped += len(item.data)
        self.waiting.extendleft(reversed(marks))
        self.dropped_bytes += dropped
        return dropped
