"""The rate limits of ``/v1/speak``, without a clock (Deepgram docs: tts-ws-flush, api-rate-limits)."""

from __future__ import annotations

from collections import deque

from speechwire.errors import InvalidArgument

__all__ = ["CHARACTERS", "FLUSHES", "RollingLimit", "character_limit", "flush_limit"]

FLUSHES = 20
"""Flushes a minute that the service allows a connection; one more is refused by a ``Warning``."""

CHARACTERS = 2400
"""Characters a minute that the service allows a connection; more end it (1008 DATA-0001)."""

# Times that differ by less count as equal, so that a wait of `wait_s` is long enough despite rounding.
_TOLERANCE_S = 1e-6


class RollingLimit:
    """A limit on the amount used in any window of time.

    Args:
        limit: The most that may be used in one window, at least 1.
        window_s: The length of the window, in seconds.

    The caller gives all times, in seconds, from any monotonic clock.
    """

    def __init__(self, limit: int, window_s: float) -> None:
        if limit < 1:
            raise InvalidArgument("limit", limit, "1 or more")
        if not window_s > 0:
            raise InvalidArgument("window_s", window_s, "more than 0 s")
        self._limit = limit
        self._window_s = window_s
        self._used = 0
        # The times at which amounts become available again.
        self._returns: deque[tuple[float, int]] = deque()

    def left(self, now_s: float) -> int:
        """The amount allowed at `now_s`; negative if more was used than allowed."""
        while self._returns and self._returns[0][0] - now_s <= _TOLERANCE_S:
            self._used -= self._returns.popleft()[1]
        return self._limit - self._used

    def wait_s(self, now_s: float, amount: int = 1) -> float:
        """How many seconds from `now_s` until `amount` is allowed; 0.0 if it is.

        Raises:
            InvalidArgument: `amount` is more than will ever be allowed at once.
        """
        if not 0 <= amount <= self._limit:
            raise InvalidArgument("amount", amount, f"from 0 to {self._limit}")
        missing = amount - self.left(now_s)
        until_s = now_s
        returns = iter(self._returns)
        while missing > 0:
            until_s, returned = next(returns)
            missing -= returned
        return until_s - now_s

    def add(self, now_s: float, amount: int = 1) -> None:
        """Records that `amount` was used at `now_s`, allowed or not."""
        used = max(amount, 0)
        self._used += used
        self._returns.append((now_s + self._window_s, used))


def flush_limit() -> RollingLimit:
    """The limit `FLUSHES` of one connection. Measured: the service allows more after 64 s, not 60."""
    return RollingLimit(FLUSHES, 65.0)


def character_limit() -> RollingLimit:
    """`CHARACTERS` of one connection."""
    return RollingLimit(CHARACTERS, 60.0)
