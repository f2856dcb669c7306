"""Decides when to retry and when to give up. Without a clock and without tasks: the caller waits.

Bounds of the delays grow exponentially. A delay is between half its bound and the bound, at random, so that a
thousand streams that lost the same server do not reconnect together. A connection that did its work resets
the count. A refusal that a retry cannot change ends the retries at once. Several connections that open and
fail at once end them early, because more attempts do not help with a service that accepts and drops.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from speechwire.errors import HandshakeRefused, InvalidArgument, SpeechwireError

__all__ = ["TOO_MANY_REQUESTS", "Backoff", "BackoffPolicy"]

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The parameters of a back-off.

    Args:
        base_s: Upper bound of the first delay, in seconds.
        factor: Growth of that bound from attempt to attempt.
        cap_s: Largest bound, in seconds.
        max_attempts: Failed attempts in a row before giving up.
        throttled_base_s: As ``base_s``, after the service answered 429.
        quick_failure_s: A connection that made no progress and lived less than this failed quickly, in
            seconds.
        max_quick_failures: Quick failures in a row before giving up.
    """

    base_s: float = 0.25
    factor: float = 2.0
    cap_s: float = 8.0
    max_attempts: int = 10
    throttled_base_s: float = 2.0
    quick_failure_s: float = 5.0
    max_quick_failures: int = 3

    def __post_init__(self) -> None:
        if min(self.base_s, self.cap_s, self.throttled_base_s, self.quick_failure_s) < 0:
            raise InvalidArgument("BackoffPolicy", self, "made of durations of at least 0 s")
        if self.factor < 1:
            raise InvalidArgument("factor", self.factor, "at least 1")
        if min(self.max_attempts, self.max_quick_failures) < 1:
            raise InvalidArgument("BackoffPolicy", self, "made of counts of at least 1")


class Backoff:
    """Counts failures, and returns how long to wait or that it is time to give up.

    Args:
        policy: The parameters.
        uniform: The source of jitter.

    Attributes:
        attempts: Failed attempts since the last connection that did its work.
    """

    def __init__(
        self, policy: BackoffPolicy, *, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.attempts = 0
        self._policy = policy
        self._uniform = uniform
        self._quick_failures = 0

    def refused(self, error: SpeechwireError) -> float | None:
        """A connection could not be opened.

        Returns:
            Seconds to wait before the next attempt, or ``None`` to give up.
        """
        throttled = isinstance(error, HandshakeRefused) and error.status == TOO_MANY_REQUESTS
        return self._next(throttled=throttled) if error.retryable else None

    def ended(self, *, lived_s: float, progressed: bool, throttled: bool = False) -> float | None:
        """An open connection ended before its work was done.

        Args:
            lived_s: How long it was open, in seconds.
            progressed: Whether it got further than any before, or had nothing to do.
            throttled: Whether the service ended it because of a rate limit.

        Returns:
            Seconds to wait before the next attempt, or ``None`` to give up.
        """
        quick = self.is_quick(lived_s)
        if progressed and not quick:
            self.succeeded()
        self._quick_failures = self._quick_failures + 1 if quick and not progressed else 0
        if self._quick_failures >= self._policy.max_quick_failures:
            return None
        return self._next(throttled=throttled)

    def is_quick(self, lived_s: float) -> bool:
        """Whether `lived_s` is short enough for a quick failure."""
        return lived_s < self._policy.quick_failure_s

    def patient_s(self) -> float:
        """The delay between attempts during an outage, after the attempts are used up, in seconds."""
        return self._uniform(self._policy.cap_s / 2, self._policy.cap_s)

    def behind(self, attempt_s: float, delay_s: float) -> float:
        """Shorten a delay after an attempt that took `attempt_s`: attempts begin at most ``cap_s`` apart.

        At least an eighth of the delay stays, so that streams that failed together do not retry together.
        """
        return min(delay_s, max(self._policy.cap_s - attempt_s, delay_s / 8))

    def succeeded(self) -> None:
        """A connection did its work: reset the counts."""
        self.attempts = 0
        self._quick_failures = 0

    def _next(self, *, throttled: bool) -> float | None:
        self.attempts += 1
        if self.attempts >= self._policy.max_attempts:
            return None
        base_s = self._policy.throttled_base_s if throttled else self._policy.base_s
        growth = self._policy.factor ** min(self.attempts - 1, 64)
        bound_s = min(self._policy.cap_s, base_s * growth)
        return self._uniform(bound_s / 2, bound_s)
