"""Whether connections die of what they are sent. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["Deaths"]

_MOST: Final = 12
# A connection that gives results and dies at the point where others have died hints at that audio; one that gives
# none hints at the service.
_HEARD, _UNHEARD = 4, 1


class Deaths:
    """Counts connections that ended without getting further than those before.

    After three of them that gave results, or twelve that gave none, the audio that all of them were sent is not
    to be sent again: else a session would send it for ever, and stay deaf to what comes behind it.
    """

    def __init__(self) -> None:
        self._weight = 0
        self._until = 0

    def ended(self, sent_to: int, *, progressed: bool, heard: bool) -> int:
        """A connection has ended.

        Args:
            sent_to: The position up to which audio was sent on it.
            progressed: It got further than any before, or has not failed.
            heard: It has given results.

        Returns:
            The position up to which audio is to be given up; 0 for none.
        """
        if progressed:
            self._weight = 0
            return 0
        self._until = min(sent_to, self._until) if self._weight else sent_to
        self._weight += _HEARD if heard else _UNHEARD
        if self._weight < _MOST:
            return 0
        self._weight = 0
        return self._until
