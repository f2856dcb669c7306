"""The counters of sessions. Copies can be read at any time and summed over sessions."""

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
        counts: The number of values in each bucket. Bucket ``i`` ends at ``BOUNDS_S[i]`` seconds; the last
            has no upper bound.
        sum_s: The sum of all values, in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def record(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(self.counts)

    def __add__(self, other: Histogram) -> Histogram:
        counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        return Histogram(counts, self.sum_s + other.sum_s)


class _Summable:
    """Adds up field by field."""

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
    """The counters of listening sessions, over all their connections.

    The service may bill ``sent_s``, which includes replays and inserted silence. ``service_s`` is the audio
    that the service says it received, where it says so.

    Args:
        connections: Connections opened.
        refused: Attempts that failed.
        stalls: Connections given up because the service stopped reading or answering.
        rollovers: Connections replaced by another while open.
        keep_alives: ``KeepAlive`` messages and pings sent.
        chunks: Binary messages sent.
        sent_bytes: Bytes of audio sent, including replays and inserted silence.
        replayed_bytes: Bytes of ``sent_bytes`` that had been sent before.
        silence_bytes: Bytes of ``sent_bytes`` that are inserted silence.
        lost_bytes: Bytes of audio that will have no result: never sent, or not replayed.
        sent_s: ``sent_bytes`` in seconds; 0 for compressed audio.
        covered_s: Seconds of audio that results cover, on the caller's clock.
        connected_s: Seconds with a connection.
        service_s: The service's own count of audio, in seconds (v1, at the end of a connection).
        connect: How long opening a connection took.
        lag: How far results were behind the audio sent, in seconds of audio.
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
    """The counters of speaking sessions, over all their connections.

    Args:
        connections: Connections opened.
        refused: Attempts that failed.
        stalls: Connections given up because the service stopped reading or answering.
        requests: Requests made.
        interrupted: Requests that were interrupted.
        failed: Requests that failed.
        resends: Requests continued on a new connection.
        characters: Characters sent to be spoken, including text sent again.
        flushes: Flushes sent.
        refused_flushes: Flushes that the service refused.
        audio_bytes: Bytes of audio delivered.
        unclaimed_bytes: Bytes of audio that came while no request was open, and were discarded.
        connected_s: Seconds with a connection.
        connect: How long opening a connection took.
        first_audio: The time from a flush to its first audio.
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
