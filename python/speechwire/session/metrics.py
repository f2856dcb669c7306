"""What sessions count: plain numbers, to be read as a copy at any time and summed over sessions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

__all__ = ["Histogram", "ListenStats", "SpeakStats"]

BOUNDS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """A histogram of durations.

    Args:
        counts: How many fell into each class; class ``i`` ends at ``BOUNDS_S[i]`` seconds, the last has no
            end.
        sum_s: Of all values, in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def record(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    def __add__(self, other: Histogram) -> Histogram:
        counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        return Histogram(counts, self.sum_s + other.sum_s)


class _Summable:
    """Field by field."""

    def __add__(self, other: Self) -> Self:
        mine: Any = self
        names = [f.name for f in fields(mine)]
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def absorb(self, other: Self) -> None:
        """Add another's values to these."""
        for name, value in (self + other).items():
            setattr(self, name, value)

    def items(self) -> Iterator[tuple[str, int | float | Histogram]]:
        """Names and values."""
        mine: Any = self
        for f in fields(mine):
            yield f.name, getattr(self, f.name)


@dataclass(slots=True)
class ListenStats(_Summable):
    """What listening sessions did, over all their connections.

    What the service may bill is ``sent_s``, replays and silence put in included; what it says it heard is
    ``service_s``, where it says so.

    Args:
        connections: Connections opened.
        refused: Attempts that opened none.
        stalls: Connections given up because nothing progressed.
        rollovers: Connections replaced before their end.
        keep_alives: ``KeepAlive`` messages and pings.
        chunks: Binary messages sent.
        sent_bytes: Audio sent, replays and silence put in included.
        replayed_bytes: Of that, what had been sent before.
        silence_bytes: Of that, silence put in.
        lost_bytes: Audio that never reached the service, or could not be replayed.
        sent_s: ``sent_bytes`` in seconds; 0 for compressed audio.
        covered_s: Audio that results cover, on the caller's clock.
        connected_s: Time with a connection.
        service_s: The service's own count of audio (v1, at the end of a connection).
        connect: How long opening a connection took.
        lag: How much audio results were behind what had been sent, in seconds.
    """

    connections: int = 0
    refused: int = 0
    stalls: int = 0
    rollovers: int = 0
    keep_alives: int = 0
    chunks: int = 0
    sent_bytes: int = 0
    replayed_bytes: int = 0
    silence_bytes: int = 0
    lost_bytes: int = 0
    sent_s: float = 0.0
    covered_s: float = 0.0
    connected_s: float = 0.0
    service_s: float = 0.0
    connect: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)


@dataclass(slots=True)
class SpeakStats(_Summable):
    """What speaking sessions did, over all their connections.

    Args:
        connections: Connections opened.
        refused: Attempts that opened none.
        stalls: Connections given up because nothing progressed.
        requests: Requests made.
        interrupted: Of those, how many were interrupted.
        failed: Of those, how many failed.
        resends: Requests continued on a new connection.
        characters: Sent to be spoken, resends included.
        flushes: Sent.
        refused_flushes: Of those, how many were refused.
        audio_bytes: Delivered.
        unclaimed_bytes: Audio that came while no request was open; nobody hears it.
        connected_s: Time with a connection.
        connect: How long opening a connection took.
        first_audio: From a flush to its first audio.
    """

    connections: int = 0
    refused: int = 0
    stalls: int = 0
    requests: int = 0
    interrupted: int = 0
    failed: int = 0
    resends: int = 0
    characters: int = 0
    flushes: int = 0
    refused_flushes: int = 0
    audio_bytes: int = 0
    unclaimed_bytes: int = 0
    connected_s: float = 0.0
    connect: Histogram = field(default_factory=Histogram)
    first_audio: Histogram = field(default_factory=Histogram)
