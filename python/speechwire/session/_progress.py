"""Detects a service that no longer works on the audio it is sent. Without a clock: callers pass times."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["FLOWING_S", "Progress"]

_PROBE_S: Final = 1.4  # the answer to Finalize takes 0.2 to 0.55 s
_BEHIND_S: Final = 0.5  # the normal lag of a healthy service's results is below this
_LITTLE_S: Final = 1.5  # longer than the time between two interim results
_END_S: Final = 2.0  # a healthy service ends within half a second of the request, or shows progress
FLOWING_S: Final = 1.0  # audio was sent within this time: the caller is streaming


class Progress:
    """Checks that results advance and that requests are answered.

    Args:
        timeout_s: How long results may not advance, in seconds; ``None`` for ever.
        patience: How many such timeouts are normal for the endpoint.
        while_flowing: Whether results come only while audio is sent. If so, results that do not advance while
            the caller is silent prove nothing, unless they were requested.
        now: The time.

    Attributes:
        advanced_at: When results last advanced, or had no reason to.
        last_audio: When audio was last sent.
        reached_s: The position that results have reached, in seconds.
    """

    def __init__(self, timeout_s: float | None, patience: float, while_flowing: bool, now: float) -> None:
        self.advanced_at = self.last_audio = now
        self._end_s = math.inf if timeout_s is None else min(_END_S, timeout_s)
        self._timeout_s = math.inf if timeout_s is None else timeout_s * patience
        self._probe_s = math.inf if timeout_s is None else _PROBE_S
        self._while_flowing = while_flowing
        self.reached_s = 0.0
        self._deadline = math.inf  # of the probe
        self._answer_due = math.inf

    def reached(self, position_s: float, now: float) -> bool:
        """Record the position that results have reached; return whether it is further than before."""
        if position_s <= self.reached_s:
            return False
        self.reached_s = position_s
        self._restart(now)
        return True

    def due_at(self) -> float:
        """The time of the next check."""
        return min(self._deadline, self._answer_due, self.advanced_at + self._timeout_s)

    def is_probe_due(self, now: float, behind_s: float) -> bool:
        """Whether to probe the service because results have not advanced for too long. True once each time.

        Also restarts the timeout while results have no reason to advance.
        """
        is_idle = self._while_flowing and now - self.last_audio > FLOWING_S
        if behind_s <= _BEHIND_S or is_idle:
            self._restart(now)
        if self._deadline < math.inf or now - self.advanced_at < self._timeout_s:
            return False
        self._deadline = now + _PROBE_S
        return True

    def give_up_at(self, deadline: float) -> None:
        """Set the deadline of the probe, for a service that shows progress without being asked."""
        self._deadline = deadline

    def ask(self, now: float, owed_s: float) -> None:
        """Record a request for the results of `owed_s` of audio; for very little audio no answer is due."""
        if owed_s > _LITTLE_S:
            self._answer_due = now + self._probe_s

    def answered(self) -> None:
        """Record that the service has answered."""
        self._answer_due = math.inf

    def stood_still_s(self, now: float) -> float:
        """At a stall: how many seconds results have not advanced, or a request was unanswered."""
        return now - min(self.advanced_at, self._answer_due - self._probe_s)

    def is_stalled(self, now: float) -> bool:
        """Whether the service has not answered a probe or a request in time."""
        return now >= min(self._deadline, self._answer_due)

    def finish(self, now: float) -> None:
        """Restart the wait for the end, after it was requested and after each later event."""
        self._timeout_s = self._answer_due = math.inf
        self._deadline = now + self._end_s

    def is_silent_at_end(self, now: float) -> bool:
        """Whether nothing has come in time after the end was requested. True once."""
        silent = now >= self._deadline
        if silent:
            self._deadline = math.inf
        return silent

    def _restart(self, now: float) -> None:
        self.advanced_at, self._deadline = now, math.inf
