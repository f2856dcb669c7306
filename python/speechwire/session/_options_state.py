"""Settings as state: what connections are wanted with, against what they were made with. Pure.

A change is wanted from the moment it is asked for. It *holds* once a connection has it: because its URL had
it, or because the service has answered its ``Configure``. Until then it can still be refused, and is then
wanted no more; the changes beside it are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from speechwire.errors import SpeechwireError

__all__ = ["Change", "OptionsState"]

OptionsT = TypeVar("OptionsT")

_MOST_UNPROVEN: Final = 16


class Change(Generic[OptionsT]):
    """One change of the options.

    Args:
        number: Counts up.
        apply: Makes the changed options.
        configure: Arguments of ``Configure`` that bring a connection to it; ``None`` if only a new connection
            has it.
        position: Audio pushed before it, in bytes.
        settle: Told what became of it: ``None`` when it holds or will hold on the next connection. A later
            call may follow and changes nothing.

    Attributes:
        holds: Whether a connection has had it.
    """

    def __init__(
        self,
        number: int,
        apply: Callable[[OptionsT], OptionsT],
        configure: Mapping[str, Any] | None,
        position: int,
        settle: Callable[[BaseException | None], None],
    ) -> None:
        self.number = number
        self.apply = apply
        self.configure = configure
        self.position = position
        self.settle = settle
        self.holds = False


class OptionsState(Generic[OptionsT]):
    """The options of a session.

    Args:
        options: To begin with; they are wanted and may turn out to be refused.

    Attributes:
        proven: Options that no refusal can take back: a connection had them, or they are the first.
        latest: The number of the last change.
    """

    def __init__(self, options: OptionsT) -> None:
        self.proven = options
        self.latest = 0
        self._is_new = True  # no connection has been made with any of them
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

    def add(
        self,
        apply: Callable[[OptionsT], OptionsT],
        configure: Mapping[str, Any] | None,
        position: int,
        settle: Callable[[BaseException | None], None],
    ) -> Change[OptionsT]:
        """Want a change."""
        self.latest += 1
        change = Change(self.latest, apply, configure, position, settle)
        self._changes.append(change)
        if len(self._changes) > _MOST_UNPROVEN:
            self._prove(self._changes[:1])
        return change

    def to_configure(self, told: int, position: int) -> list[Change[OptionsT]]:
        """The changes that ``Configure`` should bring to a connection now.

        Args:
            told: The last change the connection was made with or told of.
            position: Up to where audio has been sent: a change comes behind the audio before it.
        """
        return [
            change
            for change in chain(self._folded, self._changes)
            if change.number > told and change.configure is not None and change.position <= position
        ]

    def made(self, number: int) -> None:
        """The service has accepted a connection that was made with all changes up to this one."""
        self._is_new = False
        self._prove([change for change in self._changes if change.number <= number])

    def confirmed(self, changes: Iterable[Change[OptionsT]]) -> None:
        """The service has confirmed these."""
        self._prove([change for change in changes if change in self._changes])

    def refused(self, error: SpeechwireError, changes: Iterable[Change[OptionsT]]) -> bool:
        """The service has refused these; true if there were any that nobody had accepted."""
        doomed = [change for change in changes if change in self._changes and not change.holds]
        for change in doomed:
            self.withdraw(change)
            change.settle(error)
        return bool(doomed)

    def refused_with(self, error: SpeechwireError, number: int) -> bool:
        """The service has refused a connection with all changes up to this one; true if there were any."""
        return self.refused(error, [change for change in self._changes if change.number <= number])

    def withdraw(self, change: Change[OptionsT]) -> None:
        """Want a change no longer, if it does not hold yet."""
        if change in self._changes and not change.holds:
            self._changes.remove(change)
            self._fold()

    def adopt(self) -> None:
        """There is no connection: whatever is wanted will hold on the next one.

        Before the first connection the changes are as good as the options they change.
        """
        if self._is_new:
            self._prove(tuple(self._changes))
        for change in self._changes:
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
