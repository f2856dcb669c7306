"""Whether a service still works on what it is sent. Pure: times come in, judgements go out."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["FLOWING_S", "Progress"]

_PROBE_S: Final = 1.4  # the answer to Finalize takes 0.2 to 0.55 s
_BEHIND_S: Final = 0.5  # less than this between sent and answered is the normal lag of a healthy service
_LITTLE_S: Final = 1.5  # more than from one interim result to the next
_END_S: Final = 2.0  # the end that was asked for comes within half a second, or keeps showing progress
FLOWING_S: Final = 1.0  # audio was sent within this time: the caller is streaming


class Progress:
    """Results must get further, and what is asked for must be answered.

    Args:
        timeout_s: How long results may stand still; ``None`` for ever.
        patience: How many such timeouts are normal for the endpoint.
        while_flowing: Results come as audio flows: that they stand still while the caller is silent proves
            nothing, unless they were asked for.
        now: The time.

    Attributes:
        advanced_at: When results last got further, or had no reason to.
        last_audio: When audio was last sent.
        reached_s: How far results have come.
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
        """Results have reached this position; returns whether that is further than before."""
        if position_s <= self.reached_s:
            return False
        self.reached_s = position_s
        self._restart(now)
        return True

    def due_at(self) -> float:
        """When to look next."""
        return min(self._deadline, self._answer_due, self.advanced_at + self._timeout_s)

    def is_probe_due(self, now: float, behind_s: float) -> bool:
        """Whether results have stood still for too long, and the service is to be asked why; true once."""
        is_idle = self._while_flowing and now - self.last_audio > FLOWING_S
        if behind_s <= _BEHIND_S or is_idle:
            self._restart(now)
        if self._deadline < math.inf or now - self.advanced_at < self._timeout_s:
            return False
        self._deadline = now + _PROBE_S
        return True

    def give_up_at(self, deadline: float) -> None:
        """The service shows progress unasked: wait no longer than this."""
        self._deadline = deadline

    def ask(self, now: float, owed_s: float) -> None:
        """The service was asked for the results of so much audio; for a little it need not answer."""
        if owed_s > _LITTLE_S:
            self._answer_due = now + self._probe_s

    def answered(self) -> None:
        """Something has come."""
        self._answer_due = math.inf

    def stood_still_s(self, now: float) -> float:
        """How long nothing has got further, or was answered, at a stall."""
        return now - min(self.advanced_at, self._answer_due - self._probe_s)

    def is_stalled(self, now: float) -> bool:
        """Whether the service has not answered what it was asked."""
        return now >= min(self._deadline, self._answer_due)

    def finish(self, now: float) -> None:
        """The end has been asked for, or something has come since: from now on another clock runs."""
        self._timeout_s = self._answer_due = math.inf
        self._deadline = now + self._end_s

    def is_silent_at_end(self, now: float) -> bool:
        """Whether nothing has come for long since the end was asked for; true once."""
        silent = now >= self._deadline
        if silent:
            self._deadline = math.inf
        return silent

    def _restart(self, now: float) -> None:
        self.advanced_at, self._deadline = now, math.inf
