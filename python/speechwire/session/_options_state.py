"""Keeps the wanted options and the changes that no connection has accepted yet. Without I/O.

A change is wanted from the moment it is requested. It *holds* once a connection has it, because its URL had
it or because the service has confirmed its ``Configure``. Until then the service can refuse it, which
withdraws it and leaves other changes wanted. A connection that was opened with a withdrawn change is stale
and must not be used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from speechwire.errors import SpeechwireError
from speechwire.session.events import ChangeRefused

__all__ = ["Change", "OptionsState", "Snapshot", "settle"]

OptionsT = TypeVar("OptionsT")

_MOST_UNPROVEN: Final = 16


class Change(Generic[OptionsT]):
    """One change of the options.

    Args:
        number: The number of the change; later changes have larger numbers.
        asked: What the caller requested.
        apply: Returns the changed options.
        configure: Arguments of a ``Configure`` that makes the change; ``None`` if it needs a new connection.
        position: The position of the audio that was pushed before the change.
        settle: Called once with the outcome: ``None`` when the change holds or will hold on the next
            connection, else the error.

    Attributes:
        holds: Whether a connection has had it.
        is_withdrawn: Whether it is no longer wanted.
        is_settled: Whether `settle` has been called.
    """

    def __init__(
        self,
        number: int,
        asked: object,
        apply: Callable[[OptionsT], OptionsT],
        configure: Mapping[str, Any] | None,
        position: int,
        settle: Callable[[BaseException | None], None],
    ) -> None:
        self.number = number
        self.asked = asked
        self.apply = apply
        self.configure = configure
        self.position = position
        self.holds = False
        self.is_withdrawn = False
        self.is_settled = False
        self._settle = settle

    def settle(self, outcome: BaseException | None) -> None:
        """Tell the caller the outcome; later calls do nothing."""
        if not self.is_settled:
            self.is_settled = True
            self._settle(outcome)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[OptionsT]):
    """The options that one connection is opened with.

    Args:
        options: The options.
        number: The number of the last change in them.
        unproven: The changes in them that no connection has had yet.
    """

    options: OptionsT
    number: int
    unproven: tuple[Change[OptionsT], ...]

    @property
    def is_stale(self) -> bool:
        """Whether it has a change that has been withdrawn."""
        return any(change.is_withdrawn for change in self.unproven)


class OptionsState(Generic[OptionsT]):
    """The options of a session.

    Args:
        options: The first options.
        emit: Takes `ChangeRefused`, for a refused change whose caller has been told that it will hold.

    Attributes:
        proven: Options that no refusal can withdraw: the first options, with the changes that a connection
            has had. If very many changes wait, the oldest count as proven too.
        latest: The number of the last change.
    """

    def __init__(self, options: OptionsT, emit: Callable[[ChangeRefused], None]) -> None:
        self.proven = options
        self._emit = emit
        self.latest = 0
        self._changes: list[Change[OptionsT]] = []
        # Changes in `proven` that a connection opened earlier may still need a Configure for.
        self._folded: list[Change[OptionsT]] = []

    @property
    def wanted(self) -> OptionsT:
        """The options with every change."""
        options = self.proven
        for change in self._changes:
            options = change.apply(options)
        return options

    def snapshot(self) -> Snapshot[OptionsT]:
        """The options with which to open a connection now."""
        return Snapshot(self.wanted, self.latest, tuple(self._changes))

    def add(
        self,
        asked: object,
        apply: Callable[[OptionsT], OptionsT],
        configure: Mapping[str, Any] | None,
        position: int,
        settle: Callable[[BaseException | None], None],
    ) -> Change[OptionsT]:
        """Add a change to the wanted options."""
        self.latest += 1
        change = Change(self.latest, asked, apply, configure, position, settle)
        self._changes.append(change)
        if len(self._changes) > _MOST_UNPROVEN:
            self._prove(self._changes[:1])
        return change

    def to_configure(self, told: int, position: int) -> list[Change[OptionsT]]:
        """The changes that a ``Configure`` should make on a connection now.

        Args:
            told: The number of the last change that the connection was opened with or sent.
            position: The position up to which audio has been sent. A change waits for the audio pushed before
                it, unless it holds already because the connection before had it.
        """
        return [
            change
            for change in chain(self._folded, self._changes)
            if change.number > told
            and change.configure is not None
            and (change.holds or change.position <= position)
        ]

    def made(self, snapshot: Snapshot[OptionsT]) -> None:
        """The service has accepted a connection that was made with these."""
        self.confirmed(snapshot.unproven)

    def confirmed(self, changes: Iterable[Change[OptionsT]]) -> None:
        """The service has confirmed these."""
        self._prove([change for change in changes if change in self._changes])

    def refused(self, error: SpeechwireError, changes: Iterable[Change[OptionsT]]) -> bool:
        """The service has refused these. Return whether any of them had not been accepted before."""
        doomed = [change for change in changes if change in self._changes and not change.holds]
        for change in doomed:
            self.withdraw(change)
            if change.is_settled:
                self._emit(ChangeRefused(change=change.asked, error=error))
            change.settle(error)
        return bool(doomed)

    def refused_together(self, error: SpeechwireError, changes: Iterable[Change[OptionsT]]) -> bool:
        """The service has refused these without naming one: withdraw the newer half, or the only one.

        Return false if there was none to withdraw.
        """
        doubted = [change for change in changes if change in self._changes and not change.holds]
        return self.refused(error, doubted[len(doubted) // 2 :])

    def withdraw(self, change: Change[OptionsT]) -> None:
        """Withdraw a change, unless it holds already."""
        if change in self._changes and not change.holds:
            change.is_withdrawn = True
            self._changes.remove(change)
            self._fold()

    def adopt(self) -> None:
        """There is no connection: settle the changes, as they will hold on the next one.

        A change that needs a new connection is settled by its caller.
        """
        for change in self._changes:
            if change.configure is not None:
                change.settle(None)

    def fail(self, error: BaseException) -> None:
        """The session is closing: settle all changes with `error`. Later connections still have them."""
        for change in tuple(self._changes):
            change.settle(error)

    def _prove(self, changes: Iterable[Change[OptionsT]]) -> None:
        for change in changes:
            change.holds = True
            change.settle(None)
        self._fold()

    def _fold(self) -> None:
        """Move changes that hold into `proven`, in the order in which they were requested."""
        while self._changes and self._changes[0].holds:
            change = self._changes.pop(0)
            self.proven = change.apply(self.proven)
            self._folded.append(change)
            del self._folded[:-_MOST_UNPROVEN]


def settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    """Set a future's result, or its exception."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # marks it as retrieved: a cancelled caller would not
