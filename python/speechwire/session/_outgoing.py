"""A session's audio from the push until results cover it, and what becomes of what is lost."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Final

from speechwire.audio import make_ring
from speechwire.session._rules import ByteRate
from speechwire.session.converter import Converter, beside_whole_frames
from speechwire.session.events import AudioDropped, SessionEvent
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings

__all__ = ["OutgoingAudio"]

_COMPRESSED_BYTES: Final = 1 << 20

_logger = logging.getLogger("speechwire.session")


class OutgoingAudio:
    """The ring of a session, its unit, and the account of what is lost.

    Args:
        rate: Of the audio that is sent.
        settings: Bounds.
        converter: Makes it of what is pushed; ``None`` if it is that already.
        emit: Where events go.

    Attributes:
        ring: The audio.
        rate: Of the audio.
        stats: Counters, but for those of the ring; see :meth:`counters`.
        run_up_frames: How much before what the ring has acknowledged a replay would begin.
    """

    def __init__(
        self,
        rate: ByteRate,
        settings: ListenSettings,
        converter: Converter | None,
        emit: Callable[[SessionEvent], None],
    ) -> None:
        self.rate = rate
        self.stats = ListenStats()
        self.run_up_frames = 0
        self.ring = make_ring(
            rate.frame_bytes,
            rate.frame_rate,
            max(1, _frames(rate, settings.buffer_s)),
            _frames(rate, settings.replay_s) if rate.bytes_per_s else 0,
            beside_whole_frames(converter, rate.frame_bytes),
        )
        self._emit = emit

    def exchange(self, converter: Converter) -> None:
        """Convert with another converter from here on; what is left in the one before is queued."""
        self.ring.exchange(beside_whole_frames(converter, self.rate.frame_bytes))
        self.report_dropped()

    def flush_converter(self, *, at_end: bool = False) -> None:
        """Queue what is left in the converter; at the end also what is left of a frame."""
        self.ring.flush_converter(at_end=at_end)
        self.report_dropped()

    def report_dropped(self) -> None:
        """Count what the ring had no room for; said once while that lasts."""
        frames, has_begun = self.ring.take_dropped()
        if frames:
            self.lose(frames, "buffer full" if has_begun else "")

    def rewind(self, *, replaced: bool = False) -> float:
        """Have sent again what no result acknowledges; returns how many seconds that is."""
        queued = self.ring.queued_frames
        lost = self.ring.rewind(replaced=replaced)
        replayed = self.ring.queued_frames - queued
        self.lose(lost, "replay limit")
        return self.seconds(replayed)

    def bound_repeats(self) -> None:
        """Give up what was sent again too often."""
        if self.ring.overdrawn_frames():
            self.give_up_repeats()

    def give_up_repeats(self, until: int | None = None) -> None:
        """Send nothing again that begins before ``until``, or nothing at all."""
        self.lose(self.ring.give_up_repeats(until), "replay limit")

    def overdraft_s(self) -> float:
        """How much new audio makes room for what was sent to be sent again."""
        return self.seconds(-(-self.ring.overdrawn_frames() // 3))

    def lose(self, frames: int, reason: str) -> None:
        """Count audio that will have no result, and say so if there is a reason."""
        self.stats.lost_bytes += frames * self.rate.frame_bytes
        if frames and reason:
            event = AudioDropped(seconds=self.seconds(frames), reason=reason)
            _logger.warning("%s", event)
            self._emit(event)

    def fork(self) -> OutgoingAudio:
        """A copy that goes its own way, counts for itself and says nothing."""
        other = copy.copy(self)
        other.ring = self.ring.fork()
        other.stats = ListenStats()
        other._emit = _ignore
        return other

    def absorb(self, other: OutgoingAudio) -> None:
        """Count as well what a copy has counted."""
        self.stats.absorb(other.counters())

    def counters(self) -> ListenStats:
        """A copy of all counters."""
        size = self.rate.frame_bytes
        messages, sent, repeated, silence = self.ring.counts()
        counted = ListenStats(
            chunks=messages,
            sent_bytes=sent * size,
            replayed_bytes=repeated * size,
            silence_bytes=silence * size,
        )
        return counted + self.stats

    @property
    def has_sent(self) -> bool:
        """Whether anything was ever sent."""
        return self.ring.counts()[0] > 0

    def seconds(self, frames: int) -> float:
        """How long so many frames last; 0 for compressed audio."""
        return frames / self.rate.frame_rate if self.rate.bytes_per_s else 0.0


def _ignore(event: SessionEvent) -> None:
    """What a copy loses is not lost."""


def _frames(rate: ByteRate, seconds: float) -> int:
    """As whole frames; a fixed size for audio whose length is unknown."""
    return int(seconds * rate.frame_rate) if rate.bytes_per_s else _COMPRESSED_BYTES
