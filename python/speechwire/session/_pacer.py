"""How fast a backlog of audio may be sent. Pure: times come in, delays go out."""

from __future__ import annotations

import math

__all__ = ["Pacer"]


class Pacer:
    """A token bucket in seconds of audio, kept as the moment from which more may be sent.

    Live audio never waits: it comes at real time and the bucket fills faster. A backlog is sent at once up
    to the burst, and then at ``speed`` times real time (Deepgram docs:
    recovering-from-connection-errors-and-timeouts).

    Args:
        speed: Seconds of audio a second, above 1; ``None`` never delays.
        burst_s: Size of the bucket.

    Attributes:
        free_at: When the next audio may be sent; in the past for a bucket that holds something.
    """

    __slots__ = ("_full_s", "_speed", "free_at")

    def __init__(self, speed: float | None, burst_s: float) -> None:
        self.free_at = -math.inf
        self._speed = speed
        self._full_s = 0.0 if speed is None else burst_s / speed  # how long a full bucket lasts

    def sent(self, now: float, audio_s: float) -> None:
        """Account for audio sent at ``now``."""
        if self._speed is not None:
            self.free_at = max(self.free_at, now - self._full_s) + audio_s / self._speed
