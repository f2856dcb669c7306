"""How fast a backlog of audio may be sent. Pure: times come in, delays go out."""

from __future__ import annotations

__all__ = ["Pacer"]


class Pacer:
    """A token bucket in seconds of audio.

    Live audio never waits: it comes at real time and the bucket fills faster. A backlog is sent at once up
    to the burst, and then at ``speed`` times real time (Deepgram docs:
    recovering-from-connection-errors-and-timeouts).

    Args:
        speed: Seconds of audio a second, above 1; ``None`` never delays.
        burst_s: Size of the bucket.
    """

    def __init__(self, speed: float | None, burst_s: float) -> None:
        self._speed = speed
        self._burst_s = burst_s
        self._credit_s = burst_s
        self._at: float | None = None

    def delay_s(self, now: float) -> float:
        """Seconds to wait before the next audio may be sent."""
        if self._speed is None:
            return 0.0
        if self._at is not None:
            self._credit_s = min(self._burst_s, self._credit_s + (now - self._at) * self._speed)
        self._at = now
        return max(0.0, -self._credit_s / self._speed)

    def sent(self, audio_s: float) -> None:
        """Account for audio just sent."""
        self._credit_s -= audio_s
