"""Converts positions and times of audio whose sample rate changes. Without I/O."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

__all__ = ["MOST_CHANGES", "SampleClock"]

MOST_CHANGES: Final = 256
"""How many changes of rate are kept; older ones are forgotten."""

# Times come back rounded: without this allowance the result could be one sample too early.
_ROUNDING: Final = 1e-6


class _Stretch(NamedTuple):
    """Audio of one rate."""

    time_s: float
    sample: int
    rate: int


class SampleClock:
    """Converts positions in samples into seconds and back.

    Args:
        rate: The first sample rate, in Hz.
        sample: The position of the first sample.
        time_s: The time of the first sample, in seconds.

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
        """Move the position forward by `samples`."""
        self.sample += samples

    def change(self, rate: int) -> None:
        """Set the rate from the next sample on."""
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
        """The time of a sample, in seconds."""
        stretch = self._at(bisect_right(self._stretches, sample, key=lambda each: each.sample))
        return stretch.time_s + (sample - stretch.sample) / stretch.rate

    def sample_at(self, time_s: float) -> int:
        """The last position at or before a time; at most the position of the next sample."""
        stretch = self._at(bisect_right(self._stretches, time_s, key=lambda each: each.time_s))
        position = stretch.sample + int((time_s - stretch.time_s) * stretch.rate + _ROUNDING * stretch.rate)
        return min(max(position, 0), self.sample)

    def _at(self, count: int) -> _Stretch:
        return self._stretches[max(count - 1, 0)]
