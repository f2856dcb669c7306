"""Failures in a row: how long to wait after each, and what is said about them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from speechwire.errors import SpeechwireError
from speechwire.session._connection import Ended
from speechwire.session._states import Ending
from speechwire.session.backoff import Backoff
from speechwire.session.events import OutageBegan, OutageEnded, Reconnecting

__all__ = ["Failures"]

_logger = logging.getLogger("speechwire.session")


class Failures:
    """Counts failures, and makes an outage of them when the attempts are used up.

    Args:
        backoff: How patient to be.
        emit: Where events go.

    Attributes:
        error: Why the last attempt failed.
        count: Failures so far.
    """

    def __init__(
        self, backoff: Backoff, emit: Callable[[Reconnecting | OutageBegan | OutageEnded], None]
    ) -> None:
        self.error: SpeechwireError | None = None
        self.count = 0
        self._backoff = backoff
        self._emit = emit
        self._outage_since: float | None = None

    @property
    def is_outage(self) -> bool:
        """Whether the attempts are used up."""
        return self._outage_since is not None

    def unreachable(self, error: SpeechwireError) -> float | None:
        """An attempt failed; returns the seconds to wait, or ``None`` if the attempts are used up."""
        return self._failed(error, self._backoff.refused(error))

    def ended(self, ended: Ended, error: SpeechwireError, *, progressed: bool) -> float | None:
        """A connection ended; the same."""
        throttled = ended.ending is Ending.THROTTLED
        delay_s = self._backoff.ended(lived_s=ended.lived_s, progressed=progressed, throttled=throttled)
        return self._failed(error, delay_s)

    def is_quick(self, ended: Ended) -> bool:
        """Whether a connection ended so soon that the next one should not follow at once."""
        return self._backoff.is_quick(ended.lived_s)

    def patient_s(self) -> float:
        """How long to wait between attempts in an outage."""
        return self._backoff.patient_s()

    def say_retry(self, delay_s: float, error: SpeechwireError | None) -> None:
        """Another attempt follows; in an outage that is known."""
        if not self.is_outage:
            self._emit(Reconnecting(attempt=self._backoff.attempts, delay_s=delay_s, error=error))

    def begin_outage(self, now: float, error: SpeechwireError) -> None:
        """Say once that the attempts are used up."""
        if self._outage_since is None:
            self._outage_since = now
            self._emit(OutageBegan(error=error))

    def end_outage(self, now: float) -> None:
        """The service answers again."""
        if self._outage_since is not None:
            lasted_s, self._outage_since = now - self._outage_since, None
            self._backoff.succeeded()
            self._emit(OutageEnded(lasted_s=lasted_s))

    def _failed(self, error: SpeechwireError, delay_s: float | None) -> float | None:
        self.error = error
        self.count += 1
        return delay_s
