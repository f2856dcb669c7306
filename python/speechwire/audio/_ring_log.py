"""The audio of a stream, from the push until a result acknowledges it; equal to ``rust/pcm/src/ring.rs``.

Positions are frames since the stream began, as the caller pushed them. An item is *waiting* until it is
handed to a connection, then *sent* until a final result *acknowledges* it. When a connection is lost, a
rewind puts the *needed* audio before the waiting audio: unacknowledged audio, and a run-up before it.

All queues are bounded. If too much audio waits, the oldest is dropped and counted at once. Sent audio beyond
its bound is released; it counts as lost (*forgotten*) only if the connection is lost and a rewind needs it.
While no connection gets further, at most three times the unacknowledged audio is sent again.
"""

from __future__ import annotations

import copy
from collections import deque
from itertools import chain
from typing import Final, NamedTuple

__all__ = ["Item", "RingLog"]

_MOST_RESENT: Final = 3


class Item(NamedTuple):
    """A message, or a flush, which has no data.

    Attributes:
        start: Where it begins, in frames.
        end: Where it ends.
        data: Whole frames.
        is_repeat: Whether it was sent before.
    """

    start: int
    end: int
    data: bytes = b""
    is_repeat: bool = False

    @property
    def is_flush(self) -> bool:
        return self.end == self.start

    @property
    def frames(self) -> int:
        return self.end - self.start

    def beyond(self, position: int) -> int:
        """How many of its frames lie after a position."""
        return max(0, self.end - max(self.start, position))


class RingLog:
    """A bounded FIFO of audio and flushes that can be rewound.

    Args:
        frame_bytes: Bytes of one frame, over all channels.
        queue_frames: The most frames that wait to be sent.
        replay_frames: The most sent frames that are kept for a replay; 0 keeps none.

    Attributes:
        end: Position after the last frame pushed.
        acknowledged: Position up to which results are final.
        queued: Frames that wait to be sent.
        kept: Frames that were sent and are kept.
        waiting: The items to send; read it only.
    """

    def __init__(self, frame_bytes: int, queue_frames: int, replay_frames: int) -> None:
        self.end = self.acknowledged = self.queued = self.kept = 0
        self.waiting: deque[Item] = deque()
        self._frame_bytes = frame_bytes
        self._queue_frames = queue_frames
        self._replay_frames = replay_frames
        self._needed_from = 0
        self._sent: deque[Item] = deque()
        self._resent = 0  # frames sent again, averaged; below 0 while a replacement allows more
        self._forgotten: deque[tuple[int, int]] = deque()  # start and end positions

    def fork(self) -> RingLog:
        """An independent copy; the audio bytes themselves are shared."""
        other = copy.copy(self)
        other.waiting = self.waiting.copy()
        other._sent = self._sent.copy()
        other._forgotten = self._forgotten.copy()
        return other

    @property
    def is_half_empty(self) -> bool:
        """Whether at most half of ``queue_frames`` wait."""
        return 2 * self.queued <= self._queue_frames

    @property
    def next_position(self) -> int:
        """The position up to which audio has been sent."""
        return self.waiting[0].start if self.waiting else self.end

    @property
    def is_unanswered(self) -> bool:
        """Whether there is audio that no result acknowledges."""
        newest = chain(reversed(self.waiting), reversed(self._sent))
        return bool(self._forgotten) or any(item.end > self.acknowledged for item in newest if item.data)

    def unanswered_frames(self) -> int:
        """Frames, sent or not, that no result acknowledges, without those counted as dropped."""
        held = sum(item.beyond(self.acknowledged) for item in chain(self._sent, self.waiting))
        return held + sum(end - start for start, end in self._forgotten)

    def append(self, pcm: bytes) -> int:
        """Queue whole frames; return how many of the oldest frames were dropped to make room."""
        frames = len(pcm) // self._frame_bytes
        head = max(0, frames - self._queue_frames)
        start, self.end = self.end + head, self.end + frames
        self.waiting.append(Item(start, self.end, pcm[head * self._frame_bytes :] if head else pcm))
        self.queued += frames - head
        return head + self._drop_overflow()

    def pass_on(self, pcm: bytes) -> None:
        """Record whole frames as sent that go to a connection now. Only while nothing waits."""
        start, self.end = self.end, self.end + len(pcm) // self._frame_bytes
        self._keep(Item(start, self.end, pcm))

    def mark_flush(self) -> None:
        """Queue a flush after the audio pushed so far; two flushes after the same audio count as one."""
        if not (self.waiting and self.waiting[-1].is_flush):
            self.waiting.append(Item(self.end, self.end))

    def take(self) -> Item:
        """Return the next item, and record it as sent."""
        item = self.waiting.popleft()
        if item.is_flush and self._sent and self._sent[-1].is_flush:
            return item  # two flushes after the same audio count as one
        self.queued -= item.frames
        if item.is_repeat:
            self._resent += item.frames
        self._keep(item)
        return item

    def acknowledge(self, position: int, run_up: int) -> None:
        """Record that all audio before ``position`` has a final result.

        Args:
            position: A position beyond the end counts as the end.
            run_up: By how many frames a replay must begin earlier, because the cut may lie inside a word.
        """
        position = min(position, self.end)
        self.acknowledged = max(self.acknowledged, position)
        needed = self.end - self._needed_from
        self._needed_from = max(self._needed_from, position - run_up)
        if needed:
            self._resent = self._resent * (self.end - self._needed_from) // needed
        while self._forgotten and self._forgotten[0][0] < self.acknowledged:
            _, end = self._forgotten.popleft()
            if end > self.acknowledged:
                self._forgotten.appendleft((self.acknowledged, end))
        self._forget()

    def rewind(self, replaced: bool) -> int:
        """Put needed sent audio before the waiting audio; return how many needed frames were released.

        If `replaced`, the connection had not failed, and this repetition does not count.
        """
        queued = self.queued
        lost = sum(end - start for start, end in self._forgotten)
        self._forgotten.clear()
        while self._sent:
            self._requeue(self._sent.pop())
        self.kept = 0
        if replaced:
            self._resent -= self.queued - queued
        return lost

    def overdrawn(self) -> int:
        """By how many frames the limit on repetition would be exceeded if repeated audio were sent now.

        The run-up before unacknowledged audio counts as unacknowledged.
        """
        again = sum(item.frames for item in self.waiting if item.is_repeat)
        open_frames = self.unanswered_frames() + self.acknowledged - self._needed_from
        return max(0, self._resent + again - _MOST_RESENT * open_frames)

    def give_up_repeats(self, until: int) -> int:
        """Drop repeated audio that begins before ``until``; return how many of its frames have no result."""
        lost = self._resent = 0
        keep: deque[Item] = deque()
        for item in self.waiting:
            if item.is_repeat and item.start < until:
                self.queued -= item.frames
                lost += item.beyond(self.acknowledged)
            elif not (item.is_flush and keep and keep[-1].is_flush):
                keep.append(item)
        self.waiting = keep
        return lost

    def _requeue(self, item: Item) -> None:
        if item.is_flush:
            beside = self.waiting and self.waiting[0].is_flush
            if item.start > self.acknowledged and not beside:
                self.waiting.appendleft(item)
        elif (skip := max(0, self._needed_from - item.start)) < item.frames:
            data = item.data[skip * self._frame_bytes :]
            self.waiting.appendleft(Item(item.start + skip, item.end, data, True))
            self.queued += item.frames - skip

    def _keep(self, item: Item) -> None:
        self._sent.append(item)
        self.kept += item.frames
        if self.kept > self._replay_frames:
            self._forget()

    def _forget(self) -> None:
        """Release audio that no replay needs, then the oldest beyond the bound."""
        while self._sent and (self._sent[0].end <= self._needed_from or self.kept > self._replay_frames):
            item = self._sent.popleft()
            self.kept -= item.frames
            if item.end > self.acknowledged and not item.is_flush:
                self._note_forgotten(max(item.start, self.acknowledged), item.end)

    def _note_forgotten(self, start: int, end: int) -> None:
        if self._forgotten and self._forgotten[-1][1] == start:
            start, _ = self._forgotten.pop()
        self._forgotten.append((start, end))

    def _drop_overflow(self) -> int:
        """Drop the oldest waiting audio beyond the bound; keep one of the flushes before it."""
        dropped, is_marked = 0, False
        while (excess := self.queued - self._queue_frames) > 0:
            item = self.waiting.popleft()
            if item.is_flush:
                is_marked = True
                continue
            cut = min(item.start + excess, item.end)
            if cut < item.end:
                rest = item.data[excess * self._frame_bytes :]
                self.waiting.appendleft(item._replace(start=cut, data=rest))
            self.queued -= cut - item.start
            dropped += max(0, cut - max(item.start, self.acknowledged))
        if is_marked and not self.waiting[0].is_flush:
            start = self.waiting[0].start
            self.waiting.appendleft(Item(start, start))
        return dropped
