"""Where pushed audio goes: straight to the connection, or into the log; and what becomes of what is lost."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from speechwire.session._audio_log import AudioLog
from speechwire.session._input_clock import InputClock
from speechwire.session._rules import ByteRate
from speechwire.session.events import AudioDropped, SessionEvent
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings

__all__ = ["Intake", "LiveSender"]

_COMPRESSED_BYTES: Final = 1 << 20

_logger = logging.getLogger("speechwire.session")


class LiveSender(Protocol):
    """What can send audio in the very call that pushes it."""

    def send_live(self, pcm: bytes, now: float) -> bool:
        """Send, if nothing stands in the way; returns whether it did."""


class Intake:
    """A session's audio from the push on.

    Args:
        rate: Of the audio.
        settings: Bounds.
        emit: Where events go.

    Attributes:
        log: The audio.
        input: When the caller pushes.
        stats: Counters.
        rate: Of the audio.
    """

    def __init__(
        self, rate: ByteRate, settings: ListenSettings, emit: Callable[[SessionEvent], None]
    ) -> None:
        self.rate = rate
        self.stats = ListenStats()
        self.input = InputClock(0.0)
        self.log = AudioLog(
            frame_bytes=rate.frame_bytes,
            queue_bytes=max(rate.frame_bytes, _size(rate, settings.buffer_s)),
            replay_bytes=_size(rate, settings.replay_s) if rate.bytes_per_s else 0,
        )
        self._seconds_per_byte = self.seconds(1)
        self._most_bytes = rate.bytes_per_s or sys.maxsize
        self._emit = emit
        self._overflowing = False

    def push(self, chunks: list[bytes], now: float, sender: LiveSender | None) -> None:
        """Send audio in this very call where that is possible, else queue it."""
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if sender is not None and len(chunk) <= self._most_bytes and sender.send_live(chunk, now):
                self._overflowing = False
            else:
                self.append(chunk)
        self.input.pushed(now, size * self._seconds_per_byte)

    def append(self, chunk: bytes) -> None:
        """Queue audio, dropping the oldest beyond the bound; said once while it lasts."""
        dropped = sum(map(self.log.append, self._pieces(chunk)))
        if dropped:
            said, self._overflowing = self._overflowing, True
            self.lose(dropped, "" if said else "buffer full")
        elif self.log.is_half_empty:
            self._overflowing = False

    def _pieces(self, chunk: bytes) -> Iterable[bytes]:
        """What is behind a long message would wait for all of it: none is longer than a second."""
        size = self._most_bytes
        if len(chunk) <= size:
            return (chunk,)
        return (chunk[start : start + size] for start in range(0, len(chunk), size))

    def rewind(self, *, got_further: bool) -> float:
        """Have sent again what no result acknowledges; returns how many seconds that is."""
        queued = self.log.queued_bytes
        lost = self.log.rewind(got_further=got_further)
        replayed = self.log.queued_bytes - queued
        self.lose(lost, "replay limit")
        return self.seconds(replayed)

    def fork(self) -> Intake:
        """A copy that goes its own way, counts for itself and says nothing."""
        other = copy.copy(self)
        other.log = self.log.fork()
        other.stats = ListenStats()
        other._emit = _ignore
        return other

    def bound_repeats(self) -> None:
        """Give up what was sent again too often without any connection getting further."""
        if self.log.overdrawn_bytes():
            self.lose(self.log.give_up_repeats(), "replay limit")

    def overdraft_s(self) -> float:
        """How much new audio makes room for what was sent to be sent again."""
        return self.seconds(-(-self.log.overdrawn_bytes() // 3))

    def lose(self, size: int, reason: str) -> None:
        """Count audio that will have no result, and say so if there is a reason."""
        self.stats.lost_bytes += size
        if size and reason:
            event = AudioDropped(seconds=self.seconds(size), reason=reason)
            _logger.warning("%s", event)
            self._emit(event)

    def seconds(self, size: int) -> float:
        """How long so many bytes last; 0 for compressed audio."""
        return size / self.rate.bytes_per_s if self.rate.bytes_per_s else 0.0


def _ignore(event: SessionEvent) -> None:
    """What a copy loses is not lost."""


def _size(rate: ByteRate, seconds: float) -> int:
    """Whole frames; a fixed size for audio whose length is unknown."""
    if not rate.bytes_per_s:
        return _COMPRESSED_BYTES
    return int(seconds * rate.bytes_per_s) // rate.frame_bytes * rate.frame_bytes
