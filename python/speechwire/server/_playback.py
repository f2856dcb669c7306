"""How much of an utterance has been heard: by the clock, set right by what the peer reports."""

from __future__ import annotations

__all__ = ["Playback"]


class Playback:
    """How much of one utterance has been played.

    Between two reports it plays in real time; a report moves the clock. Without any report it is taken to
    play from the moment the first of it was sent, or from the end of the utterance before.

    Args:
        not_before_s: When the utterance before will have been played, on the clock.

    Attributes:
        sent_s: Seconds of it that were sent.
        reported_s: Seconds of it that the peer has said it played.
    """

    def __init__(self, not_before_s: float = 0.0) -> None:
        self.sent_s = 0.0
        self.reported_s = 0.0
        self._not_before_s = not_before_s
        self._began_s: float | None = None

    def sent(self, seconds: float, now_s: float) -> None:
        """This much more was sent."""
        if self._began_s is None:
            self._began_s = max(now_s, self._not_before_s)
        elif now_s > self._began_s + self.sent_s:  # the peer had nothing to play
            self._began_s = now_s - self.sent_s
        self.sent_s += seconds

    def reported(self, position_s: float, now_s: float) -> None:
        """The peer says that it has played up to here."""
        position_s = min(position_s, self.sent_s)
        if self._began_s is not None and position_s >= self.reported_s:
            self.reported_s = position_s
            self._began_s = now_s - position_s

    def heard_s(self, now_s: float) -> float:
        """Seconds of it that have been heard."""
        if self._began_s is None:
            return 0.0
        return min(max(now_s - self._began_s, self.reported_s), self.sent_s)

    def ends_s(self) -> float:
        """When what was sent will have been played, on the clock."""
        return self._not_before_s if self._began_s is None else self._began_s + self.sent_s

    def ahead_s(self, now_s: float) -> float:
        """Seconds of what was sent that are still to be played."""
        return max(0.0, self.ends_s() - now_s) if self._began_s is not None else 0.0
