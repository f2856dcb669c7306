"""A session's audio from the push until results cover it, and the count of what is lost."""

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
    """A session's ring of audio, and the counters of audio that is lost.

    Args:
        rate: The rate of the audio that is sent.
        settings: ``buffer_s`` and ``replay_s`` are used.
        converter: Converts pushed audio to the audio that is sent; ``None`` for no conversion.
        emit: Takes events.

    Attributes:
        ring: The audio.
        rate: The rate of the audio that is sent.
        stats: Counters except those of the ring; see :meth:`counters`.
        run_up_frames: How many frames before the acknowledged position a replay would begin.
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
        """Use another converter from here on; queue the audio left in the old one."""
        self.ring.exchange(beside_whole_frames(converter, self.rate.frame_bytes))
        self.report_dropped()

    def flush_converter(self, *, at_end: bool = False) -> None:
        """Queue the audio left in the converter; at the end also an incomplete frame."""
        self.ring.flush_converter(at_end=at_end)
        self.report_dropped()

    def report_dropped(self) -> None:
        """Count audio that the ring dropped for lack of room; report when an overflow begins."""
        frames, has_begun = self.ring.take_dropped()
        if frames:
            self.lose(frames, "buffer full" if has_begun else "")

    def rewind(self, *, replaced: bool = False) -> float:
        """Queue unacknowledged audio to be sent again; return how many seconds of it."""
        queued = self.ring.queued_frames
        lost = self.ring.rewind(replaced=replaced)
        replayed = self.ring.queued_frames - queued
        self.lose(lost, "replay limit")
        return self.seconds(replayed)

    def bound_repeats(self) -> None:
        """Give up audio that was sent again too often."""
        if self.ring.overdrawn_frames():
            self.give_up_repeats()

    def give_up_repeats(self, until: int | None = None) -> None:
        """Give up repeated audio that begins before ``until``, or all of it."""
        self.lose(self.ring.give_up_repeats(until), "replay limit")

    def overdraft_s(self) -> float:
        """Seconds of new audio after which repeated audio may be sent again."""
        return self.seconds(-(-self.ring.overdrawn_frames() // 3))

    def lose(self, frames: int, reason: str) -> None:
        """Count audio that will have no result; emit `AudioDropped` if there is a reason."""
        self.stats.lost_bytes += frames * self.rate.frame_bytes
        if frames and reason:
            event = AudioDropped(seconds=self.seconds(frames), reason=reason)
            _logger.warning("%s", event)
            self._emit(event)

    def fork(self) -> OutgoingAudio:
        """An independent copy with counters of its own, which emits no events."""
        other = copy.copy(self)
        other.ring = self.ring.fork()
        other.stats = ListenStats()
        other._emit = _ignore
        return other

    def absorb(self, other: OutgoingAudio) -> None:
        """Add the counters of a copy."""
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
        """The duration of `frames`; 0 for compressed audio."""
        return frames / self.rate.frame_rate if self.rate.bytes_per_s else 0.0


def _ignore(event: SessionEvent) -> None:
    """Drop an event: audio that a copy gives up is still in the original."""


def _frames(rate: ByteRate, seconds: float) -> int:
    """`seconds` in whole frames; for compressed audio, whose duration is unknown, a fixed size."""
    return int(seconds * rate.frame_rate) if rate.bytes_per_s else _COMPRESSED_BYTES
