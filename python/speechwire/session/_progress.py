"""Whether a service still works on what it is sent. Pure: times come in, judgements go out."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Progress"]

_PROBE_S: Final = 1.4  # the answer to Finalize takes 0.2 to 0.55 s
_BEHIND_S: Final = 0.5  # less than this between sent and answered is the normal lag of a healthy service
_END_S: Final = 2.0  # the end that was asked for comes within half a second, or keeps showing progress
_FLOWING_S: Final = 1.0  # audio was sent within this time: the caller is streaming


class Progress:
    """While audio flows, results must get further. A silent caller proves nothing.

    Args:
        timeout_s: How long results may stand still; ``None`` for ever.
        patience: How many such timeouts are normal for the endpoint.
        now: The time.

    Attributes:
        advanced_at: When results last got further, or had no reason to.
        last_audio: When audio was last sent.
    """

    def __init__(self, timeout_s: float | None, patience: float, now: float) -> None:
        self.advanced_at = self.last_audio = now
        self._end_s = math.inf if timeout_s is None else min(_END_S, timeout_s)
        self._timeout_s = math.inf if timeout_s is None else timeout_s * patience
        self._reached_s = 0.0
        self._deadline = math.inf  # of the probe

    def reached(self, position_s: float, now: float) -> bool:
        """Results have reached this position; returns whether that is further than before."""
        if position_s <= self._reached_s:
            return False
        self._reached_s = position_s
        self._restart(now)
        return True

    def due_at(self) -> float:
        """When to look next."""
        return min(self._deadline, self.advanced_at + self._timeout_s)

    def is_probe_due(self, now: float, behind_s: float) -> bool:
        """Whether results have stood still for too long, and the service is to be asked why; true once."""
        if behind_s <= _BEHIND_S or now - self.last_audio > _FLOWING_S:
            self._restart(now)
            return False
        if self._deadline < math.inf or now - self.advanced_at < self._timeout_s:
            return False
        self._deadline = now + _PROBE_S
        return True

    def give_up_at(self, deadline: float) -> None:
        """The service shows progress unasked: wait no longer than this."""
        self._deadline = deadline

    def is_stalled(self, now: float) -> bool:
        """Whether the service has not answered the question either."""
        return now >= self._deadline

    def finish(self, now: float) -> None:
        """The end has been asked for, or something has come since: from now on another clock runs."""
        self._timeout_s = math.inf
        self._deadline = now + self._end_s

    def is_silent_at_end(self, now: float) -> bool:
        """Whether nothing has come for long since the end was asked for; true once."""
        silent = now >= self._deadline
        if silent:
            self._deadline = math.inf
        return silent

    def _restart(self, now: float) -> None:
        self.advanced_at, self._deadline = now, math.inf
