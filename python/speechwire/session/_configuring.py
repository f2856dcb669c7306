"""Bringing one connection to the options that are wanted, by one ``Configure`` at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from speechwire.errors import ServiceError, SpeechwireError
from speechwire.session._options_state import Change, OptionsState
from speechwire.session._rules import ListenRules

__all__ = ["Configuring"]

EventT = TypeVar("EventT")


class Configuring(Generic[EventT]):
    """The settings that a connection has, compared with those that are wanted.

    Args:
        rules: The endpoint.
        options: What is wanted.
        told: The last change the connection was made with.
        timeout_s: How long to wait for an answer.
        wake: Called when the next ``Configure`` may be sent.

    Attributes:
        pending: The changes that the ``Configure`` in flight asks for.
        overdue_at: When its answer is overdue, on the loop's clock.
    """

    __slots__ = ("_options", "_rules", "_timeout_s", "_told", "_wake", "overdue_at", "pending")

    def __init__(
        self,
        rules: ListenRules[EventT],
        options: OptionsState[Any],
        told: int,
        timeout_s: float,
        wake: Callable[[], None],
    ) -> None:
        self.pending: list[Change[Any]] = []
        self.overdue_at = math.inf
        self._rules = rules
        self._options = options
        self._told = told
        self._timeout_s = timeout_s
        self._wake = wake

    def due(self, position: int) -> list[Change[Any]]:
        """The changes to ask for now; each comes behind the audio that was pushed before it.

        Args:
            position: Up to where audio has been sent.
        """
        if self._options.latest <= self._told or self.pending:
            return []
        return self._options.to_configure(self._told, position)

    def frame(self, changes: list[Change[Any]], now: float) -> str | None:
        """The one ``Configure`` for these changes; ``None`` if they turn out to be impossible."""
        self._told = changes[-1].number
        wanted: Any = {}
        for change in changes:
            assert change.configure is not None
            wanted = self._rules.merged(wanted, change.configure)
        try:
            frame = self._rules.configure(wanted)
        except SpeechwireError as error:  # an earlier change was refused, and this one does not go without it
            self._options.refused(error, changes)
            return None
        self.pending, self.overdue_at = changes, now + self._timeout_s
        return frame

    def take(self, event: EventT) -> None:
        """Look whether an event is the answer; only while one is awaited."""
        outcome = self._rules.outcome(event)
        if outcome is False:
            return
        changes = self._finish()
        if outcome is True:
            self._options.confirmed(changes)
        else:
            self._options.refused(outcome, changes)

    def check(self, now: float) -> None:
        """Wait no longer for an answer that does not come: what was asked for stays wanted."""
        if now < self.overdue_at:
            return
        changes = self._finish()
        self._rules.protocol.give_up_configure()
        words = f"no answer to Configure within {self._timeout_s:g} s: it holds on the next connection"
        for change in changes:
            change.settle(ServiceError("", words, retryable=True))

    def _finish(self) -> list[Change[Any]]:
        changes, self.pending, self.overdue_at = self.pending, [], math.inf
        self._wake()
        return changes
