"""Detects audio that makes connections fail. Without I/O and without a clock."""

from __future__ import annotations

from typing import Final

__all__ = ["Deaths"]

_MOST: Final = 12
# Weights. A connection whose results reach the point where others failed suggests that the audio there is the
# cause. One that fails earlier suggests that the service is.
_THERE, _BEFORE = 4, 1
_NEAR_S: Final = 0.25
_SAME_S: Final = 0.02
_MORE_S: Final = 0.3
_MOST_UNHEARD_S: Final = 3.0  # beyond this the service had stopped answering before it failed


class Deaths:
    """Counts connections that failed without getting further than those before.

    After three that failed at about the same point, or twelve that failed before it, the audio that all of
    them were sent is given up. Else a session would send it for ever and never get to the audio after it. The
    count starts again when a connection takes clearly more audio than the one before, as the service is then
    recovering.

    Args:
        frame_rate: Frames per second.
    """

    def __init__(self, frame_rate: int) -> None:
        self._weight = 0
        self._until: int  # while there is weight
        self._last_to = 0
        self._more = int(_MORE_S * frame_rate)

    def ended(self, sent_to: int, gain_s: float, unheard_s: float, *, failed: bool) -> int:
        """A connection has ended.

        Args:
            sent_to: The position up to which it was sent audio.
            gain_s: How many seconds further its results got than those of all connections before.
            unheard_s: How many seconds of audio it was sent beyond its results.
            failed: Whether it left audio without results and was not replaced.

        Returns:
            The position up to which to give up audio; 0 for none.
        """
        if not failed or gain_s > _SAME_S:
            self._weight = 0
            return 0
        if sent_to > self._last_to + self._more:
            self._weight = 0
        self._last_to = sent_to
        self._until = min(sent_to, self._until) if self._weight else sent_to
        self._weight += _THERE if gain_s > -_NEAR_S and unheard_s < _MOST_UNHEARD_S else _BEFORE
        if self._weight < _MOST:
            return 0
        self._weight = 0
        return self._until
