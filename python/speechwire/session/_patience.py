"""How long a speaking session retries. Without a clock and without tasks: the caller waits."""

from __future__ import annotations

from collections.abc import Callable

from speechwire.errors import SpeechwireError
from speechwire.session.backoff import Backoff, BackoffPolicy

__all__ = ["Patience"]


class Patience:
    """A back-off that ends, so that a request for speech fails instead of waiting for ever.

    After giving up, the next attempt may begin after ``base_s``. Within ``cap_s`` one failed attempt is
    enough to give up again.

    Args:
        policy: The back-off policy.
        uniform: The source of jitter, as ``random.uniform``.

    Attributes:
        not_before: When the next attempt may begin, on the caller's clock.
    """

    def __init__(self, policy: BackoffPolicy, uniform: Callable[[float, float], float]) -> None:
        self.not_before = 0.0
        self._policy = policy
        self._backoff = Backoff(policy, uniform=uniform)
        self._short_until = 0.0

    @property
    def attempts(self) -> int:
        """Failed attempts in a row."""
        return self._backoff.attempts

    def is_short(self, now: float) -> bool:
        """Whether an attempt that begins now is the only one."""
        return now < self._short_until

    def unreachable(self, error: SpeechwireError, now: float, *, short: bool) -> float | None:
        """A connection could not be opened; return the seconds to wait, or ``None`` to give up."""
        delay_s = self._backoff.refused(error)
        if delay_s is None or short:
            self.give_up(now)
            return None
        self.not_before = now + delay_s
        return delay_s

    def ended(
        self, now: float, *, lived_s: float, progressed: bool, throttled: bool, short: bool
    ) -> float | None:
        """A connection ended before its work was done; return the seconds to wait, or ``None`` to give up."""
        delay_s = self._backoff.ended(lived_s=lived_s, progressed=progressed, throttled=throttled)
        if delay_s is None or (short and not progressed):
            self.give_up(now)
            return None
        self.not_before = now + delay_s
        return delay_s

    def succeeded(self) -> None:
        """Speech was heard: forget the failures."""
        self._backoff.succeeded()
        self._short_until = 0.0

    def give_up(self, now: float) -> None:
        """Give up: the open requests fail, and the next attempt counts from zero."""
        self._backoff.succeeded()
        self.not_before = now + self._policy.base_s
        self._short_until = now + self._policy.cap_s
