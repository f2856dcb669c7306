"""Brings one connection to the wanted options, with one ``Configure`` at a time.

The service answers in the order of the requests, and an answer does not name its request. So a late answer to
a request that was given up is counted too: else it would be taken for the answer to the next request.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from speechwire.errors import ServiceError, SpeechwireError
from speechwire.session._options_state import Change, OptionsState
from speechwire.session._rules import ListenRules

__all__ = ["Configuring"]

EventT = TypeVar("EventT")

_MOST_UNANSWERED: Final = 16


class Configuring(Generic[EventT]):
    """Compares the settings that a connection has with those that are wanted.

    Args:
        rules: The endpoint's rules.
        options: The wanted options.
        told: The number of the last change that the connection was opened with.
        timeout_s: How long to wait for an answer, in seconds.
        wake: Called when the next ``Configure`` may be sent.

    Attributes:
        unanswered: The changes of each ``Configure`` without an answer; all but the last are given up.
        overdue_at: When the answer to the last one is overdue, on the loop's clock; infinite if it was given
            up.
    """

    __slots__ = ("_options", "_rules", "_timeout_s", "_told", "_wake", "overdue_at", "unanswered")

    def __init__(
        self,
        rules: ListenRules[EventT],
        options: OptionsState[Any],
        told: int,
        timeout_s: float,
        wake: Callable[[], None],
    ) -> None:
        self.unanswered: list[list[Change[Any]]] = []  # mostly empty: a deque is ten times as large
        self.overdue_at = math.inf
        self._rules = rules
        self._options = options
        self._told = told
        self._timeout_s = timeout_s
        self._wake = wake

    def due(self, position: int) -> list[Change[Any]]:
        """The changes to request now: those whose preceding audio has been sent.

        Args:
            position: The position up to which audio has been sent.
        """
        if self._options.latest <= self._told or self.overdue_at < math.inf:
            return []
        return self._options.to_configure(self._told, position)

    def frame(self, changes: list[Change[Any]], now: float) -> str | None:
        """Make the one ``Configure`` for these changes; return ``None`` if they are not possible together."""
        self._told = changes[-1].number
        wanted: Any = {}
        for change in changes:
            assert change.configure is not None
            wanted = self._rules.merged(wanted, change.configure)
        try:
            frame = self._rules.configure(wanted)
        except SpeechwireError as error:  # this change depends on an earlier one that was refused
            self._options.refused(error, changes)
            return None
        self.unanswered = [*self.unanswered, changes][-_MOST_UNANSWERED:]
        self.overdue_at = now + self._timeout_s
        return frame

    def take(self, event: EventT) -> None:
        """Check whether an event is the answer. Call this only while an answer is awaited."""
        outcome = self._rules.outcome(event)
        if outcome is False:
            return
        changes = self.unanswered.pop(0)
        if not self.unanswered:
            self._finish()
        if outcome is True:
            self._options.confirmed(changes)
        else:
            self._options.refused(outcome, changes)

    def check(self, now: float) -> None:
        """Give up an answer that is overdue. The changes stay wanted."""
        if now < self.overdue_at:
            return
        self._finish()
        self._rules.protocol.give_up_configure()
        words = f"no answer to Configure within {self._timeout_s:g} s: it holds on the next connection"
        for change in self.unanswered[-1]:
            change.settle(ServiceError("", words, retryable=True))

    def _finish(self) -> None:
        self.overdue_at = math.inf
        self._wake()
