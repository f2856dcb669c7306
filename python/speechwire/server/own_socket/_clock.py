"""Positions and times of audio whose format changes on the way. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

__all__ = ["MOST_CHANGES", "SampleClock"]

MOST_CHANGES: Final = 256
"""Formats kept at a time; the oldest is forgotten."""

# Times come back from elsewhere: a sample is not missed for a rounding.
_ROUNDING: Final = 1e-6


class _Stretch(NamedTuple):
    """Audio of one rate."""

    time_s: float
    sample: int
    rate: int


class SampleClock:
    """Turns positions in samples into seconds and back.

    Args:
        rate: Of the audio that comes first, in Hz.
        sample: The position it begins at.
        time_s: The time of that sample.

    Attributes:
        sample: The position of the next sample.
    """

    def __init__(self, rate: int, sample: int = 0, time_s: float = 0.0) -> None:
        self.sample = sample
        self._stretches = [_Stretch(time_s, sample, rate)]  # mostly one: a deque is ten times as large

    @property
    def time_s(self) -> float:
        """The time of the next sample."""
        return self.time_of(self.sample)

    def advance(self, samples: int) -> None:
        """So many samples have passed."""
        self.sample += samples

    def change(self, rate: int) -> None:
        """The next sample and those after it have another rate."""
        last = self._stretches[-1]
        if rate == last.rate:
            return
        stretch = _Stretch(self.time_s, self.sample, rate)
        if last.sample == self.sample:
            self._stretches[-1] = stretch
        else:
            self._stretches.append(stretch)
            del self._stretches[:-MOST_CHANGES]

    def time_of(self, sample: int) -> float:
        """Seconds before this sample."""
        stretch = self._at(bisect_right(self._stretches, sample, key=lambda each: each.sample))
        return stretch.time_s + (sample - stretch.sample) / stretch.rate

    def sample_at(self, time_s: float) -> int:
        """The last position that is not later than this time, and not later than the next sample."""
        stretch = self._at(bisect_right(self._stretches, time_s, key=lambda each: each.time_s))
        position = stretch.sample + int((time_s - stretch.time_s) * stretch.rate + _ROUNDING * stretch.rate)
        return min(max(position, 0), self.sample)

    def _at(self, count: int) -> _Stretch:
        return self._stretches[max(count - 1, 0)]
