"""Settings as state: what connections are wanted with, against what they were made with. Pure.

A change is wanted from the moment it is asked for. It *holds* once a connection has it: because its URL had
it, or because the service has answered its ``Configure``. Until then it can still be refused, and is then
wanted no more; the changes beside it are. A connection that was made with a change which is wanted no more is
stale and must not be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from speechwire.errors import SpeechwireError
from speechwire.session.events import ChangeRefused

__all__ = ["Change", "OptionsState", "Snapshot"]

OptionsT = TypeVar("OptionsT")

_MOST_UNPROVEN: Final = 16


class Change(Generic[OptionsT]):
    """One change of the options.

    Args:
        number: Counts up.
        asked: What the caller asked for.
        apply: Makes the changed options.
        configure: Arguments of ``Configure`` that bring a connection to it; ``None`` if only a new connection
            has it.
        position: Audio pushed before it, in bytes.
        settle: Called once with what becomes of it: ``None`` when it holds or will hold on the next
            connection.

    Attributes:
        holds: Whether a connection has had it.
        is_withdrawn: Whether it is wanted no more.
        is_settled: Whether the caller knows what becomes of it.
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
        """Let the caller know; the first outcome counts."""
        if not self.is_settled:
            self.is_settled = True
            self._settle(outcome)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[OptionsT]):
    """What one connection is made with.

    Args:
        options: Those that are wanted now.
        number: The last change that is in them.
        unproven: The changes in them that no connection has had yet.
    """

    options: OptionsT
    number: int
    unproven: tuple[Change[OptionsT], ...]

    @property
    def is_stale(self) -> bool:
        """Whether it has a change that is wanted no more."""
        return any(change.is_withdrawn for change in self.unproven)


class OptionsState(Generic[OptionsT]):
    """The options of a session.

    Args:
        options: To begin with; they are wanted and may turn out to be refused.
        emit: Where it is said that a change is refused whose caller believes that it will hold.

    Attributes:
        proven: Options that no refusal can take back: a connection had them, or they are the first.
        latest: The number of the last change.
    """

    def __init__(self, options: OptionsT, emit: Callable[[ChangeRefused], None]) -> None:
        self.proven = options
        self._emit = emit
        self.latest = 0
        self._changes: list[Change[OptionsT]] = []
        # In `proven` already, but a connection that was opened before may have to be told.
        self._folded: list[Change[OptionsT]] = []

    @property
    def wanted(self) -> OptionsT:
        """The options with every change."""
        options = self.proven
        for change in self._changes:
            options = change.apply(options)
        return options

    def snapshot(self) -> Snapshot[OptionsT]:
        """What a connection is to be made with now."""
        return Snapshot(self.wanted, self.latest, tuple(self._changes))

    def add(
        self,
        asked: object,
        apply: Callable[[OptionsT], OptionsT],
        configure: Mapping[str, Any] | None,
        position: int,
        settle: Callable[[BaseException | None], None],
    ) -> Change[OptionsT]:
        """Want a change."""
        self.latest += 1
        change = Change(self.latest, asked, apply, configure, position, settle)
        self._changes.append(change)
        if len(self._changes) > _MOST_UNPROVEN:
            self._prove(self._changes[:1])
        return change

    def to_configure(self, told: int, position: int) -> list[Change[OptionsT]]:
        """The changes that ``Configure`` should bring to a connection now.

        Args:
            told: The last change the connection was made with or told of.
            position: Up to where audio has been sent: a change comes behind the audio before it, but for one
                that holds already, on the connection before.
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
        """The service has refused these; true if there were any that nobody had accepted."""
        doomed = [change for change in changes if change in self._changes and not change.holds]
        for change in doomed:
            self.withdraw(change)
            if change.is_settled:
                self._emit(ChangeRefused(change=change.asked, error=error))
            change.settle(error)
        return bool(doomed)

    def refused_together(self, error: SpeechwireError, changes: Iterable[Change[OptionsT]]) -> bool:
        """The service has refused these without saying which: the newer half is dropped, or the only one.

        False if there was none to drop.
        """
        doubted = [change for change in changes if change in self._changes and not change.holds]
        return self.refused(error, doubted[len(doubted) // 2 :])

    def withdraw(self, change: Change[OptionsT]) -> None:
        """Want a change no longer, if it does not hold yet."""
        if change in self._changes and not change.holds:
            change.is_withdrawn = True
            self._changes.remove(change)
            self._fold()

    def adopt(self) -> None:
        """There is no connection: whatever is wanted will hold on the next one.

        A change that asks for a new connection is settled by whoever asks.
        """
        for change in self._changes:
            if change.configure is not None:
                change.settle(None)

    def fail(self, error: BaseException) -> None:
        """The session is closing: nobody waits any longer. The changes stay wanted by later connections."""
        for change in tuple(self._changes):
            change.settle(error)

    def _prove(self, changes: Iterable[Change[OptionsT]]) -> None:
        for change in changes:
            change.holds = True
            change.settle(None)
        self._fold()

    def _fold(self) -> None:
        """Put into `proven` what holds, in the order in which it was asked for."""
        while self._changes and self._changes[0].holds:
            change = self._changes.pop(0)
            self.proven = change.apply(self.proven)
            self._folded.append(change)
            del self._folded[:-_MOST_UNPROVEN]
