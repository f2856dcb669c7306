"""From what was seen at both ends to figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from benches.python.streams.audio import FRAME_S
from benches.python.streams.service import Heard
from benches.python.streams.ticker import Ticker

__all__ = ["Schedule", "Spread", "lateness_ms"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
_EPSILON = 1e-6
# An event loop's timer may fire this much too soon: uvloop counts in milliseconds.
_EARLY_S = 0.002


@dataclass(frozen=True)
class Spread:
    """Median, 99th percentile and maximum, in milliseconds; and of how many."""

    p50: float
    p99: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Floats) -> Spread | None:
        """None of nothing."""
        if not len(values):
            return None
        p50, p99 = np.percentile(values, [50, 99])
        return cls(float(p50), float(p99), float(values.max()), len(values))


@dataclass(frozen=True)
class Schedule:
    """When which audio was pushed.

    Attributes:
        start_s: When the ticker began, on the monotonic clock.
        primed: Frames pushed to connect, before that. A session that is pushed nothing for a moment then
            puts in silence.
        bytes_per_s: Of the audio on the wire.
    """

    start_s: float
    primed: int
    bytes_per_s: int

    def before_s(self, stream: int, heard: Heard) -> float:
        """Seconds of audio before the stream's first tick, silence that the client put in included."""
        arrived = heard.until(self.start_s + Ticker.offset_s(stream)).received_bytes
        return max(self.primed * FRAME_S, arrived / self.bytes_per_s)

    def lateness_s(self, stream: int, heard: Heard) -> tuple[Floats, Floats]:
        """For each message: when the frame with its last sample was due, and how long after that it came."""
        ticked_s = heard.received / self.bytes_per_s - self.before_s(stream, heard)
        ticks = np.ceil(ticked_s / FRAME_S - _EPSILON) - 1
        due_s = self.start_s + Ticker.offset_s(stream) + ticks * FRAME_S
        late_s = heard.arrived_ns / 1e9 - due_s
        ticked = ticks >= 0
        return due_s[ticked], late_s[ticked]


def lateness_ms(
    schedule: Schedule, heard: dict[int, Heard], window_s: tuple[float, float]
) -> tuple[Floats, int]:
    """Lateness of what became due within the window, and by how many whole frames audio is held back.

    A filter's delay may make a chunk wait for the next frame; that is no lateness, so the whole frames that
    every chunk waits are taken off and told apart.
    """
    pairs = [schedule.lateness_s(stream, one) for stream, one in heard.items()]
    due_s, late_s = _joined(pair[0] for pair in pairs), _joined(pair[1] for pair in pairs)
    if not len(late_s):
        return late_s, 0
    held = max(0, int((late_s.min() + _EARLY_S) / FRAME_S))
    inside = (due_s >= window_s[0]) & (due_s < window_s[1] - held * FRAME_S)
    return (late_s[inside] - held * FRAME_S) * 1000, held


def _joined(parts: Iterable[Floats]) -> Floats:
    return np.concatenate([np.empty(0), *parts])
