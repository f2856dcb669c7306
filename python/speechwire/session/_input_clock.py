"""When the caller pushes, and since when it has stopped. Pure: times come in."""

from __future__ import annotations

from typing import Final

__all__ = ["InputClock"]

_LONGEST_GAP_S: Final = 2.0


class InputClock:
    """Tells a caller that has stopped pushing from one that pushes large pieces.

    A piece of audio stands for as much time as it lasts: who pushes one second at a time is not silent before
    the second has passed.

    Attributes:
        last_at: When audio was pushed last.
        pushes: How often.
    """

    __slots__ = ("_since_chunk", "last_at", "piece_s", "pushes")

    def __init__(self, now: float) -> None:
        self.last_at = now
        self.pushes = 0
        self.piece_s = 0.0  # how long the pieces last that are pushed now
        self._since_chunk = 0

    def pushed(self, now: float, audio_s: float) -> None:
        """Take note of a push, after which so much audio was ready to be sent."""
        self.last_at = now
        self.pushes += 1
        self._since_chunk += 1
        if audio_s:
            self.piece_s = min(_LONGEST_GAP_S, audio_s / self._since_chunk)
            self._since_chunk = 0

    def stopped_at(self) -> float:
        """When the next piece was due; pauses count from there."""
        return self.last_at + self.piece_s
