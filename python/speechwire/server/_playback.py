"""Estimates how much of an utterance has been heard, by the clock and by the peer's reports."""

from __future__ import annotations

__all__ = ["Playback"]


class Playback:
    """How much of one utterance has been played.

    The estimate advances in real time; a report of the peer corrects it. Without a report, playing begins
    when the first piece is sent, or at the end of the utterance before.

    Args:
        not_before_s: The clock's time at which the utterance before ends.

    Attributes:
        sent_s: Seconds of the utterance that were sent.
        reported_s: Seconds of the utterance that the peer reported as played.
    """

    def __init__(self, not_before_s: float = 0.0) -> None:
        self.sent_s = 0.0
        self.reported_s = 0.0
        self._not_before_s = not_before_s
        self._began_s: float | None = None

    def sent(self, seconds: float, now_s: float) -> None:
        """Count `seconds` more as sent."""
        if self._began_s is None:
            self._began_s = max(now_s, self._not_before_s)
        elif now_s > self._began_s + self.sent_s:  # the peer had nothing to play
            self._began_s = now_s - self.sent_s
        self.sent_s += seconds

    def reported(self, position_s: float, now_s: float) -> None:
        """Correct the estimate: the peer has played up to `position_s`. A smaller position is ignored."""
        position_s = min(position_s, self.sent_s)
        if self._began_s is not None and position_s >= self.reported_s:
            self.reported_s = position_s
            self._began_s = now_s - position_s

    def heard_s(self, now_s: float) -> float:
        """Seconds of the utterance that have been heard."""
        if self._began_s is None:
            return 0.0
        return min(max(now_s - self._began_s, self.reported_s), self.sent_s)

    def ends_s(self) -> float:
        """The clock's time at which the speech sent so far will have been played."""
        return self._not_before_s if self._began_s is None else self._began_s + self.sent_s

    def ahead_s(self, now_s: float) -> float:
        """Seconds of speech that were sent and not played yet."""
        return max(0.0, self.ends_s() - now_s) if self._began_s is not None else 0.0
