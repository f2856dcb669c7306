"""Whether connections die of what they are sent. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["Deaths"]

_MOST: Final = 12
# A connection that gives results up to the point where others have died hints at the audio there; one that
# dies before hints at the service.
_THERE, _BEFORE = 4, 1
_NEAR_S: Final = 0.25
_SAME_S: Final = 0.02
_MORE_S: Final = 0.3
_MOST_UNHEARD_S: Final = 3.0  # one that was sent more without an answer stood still before it died


class Deaths:
    """Counts connections that failed without getting any further than those before.

    After three of them that came about as far, or twelve that did not, what all of them were sent is not to
    be sent again: else a session would send it for ever, and stay deaf to what comes behind it.
    Connections that take more and more audio are about to recover: with each the count begins anew.

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
            sent_to: The position up to which audio was sent on it.
            gain_s: How much further its results came than those of all before.
            unheard_s: How much was sent on it beyond its results.
            failed: It was not replaced, and has left audio open.

        Returns:
            The position up to which audio is to be given up; 0 for none.
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
