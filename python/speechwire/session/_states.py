"""The states of a session, and the complete table of their transitions.

The names are those of gRPC's connectivity states, with `DRAINING` for a session that is closing and still
sends. A row is an operation of the caller, the outcome of an attempt, or the way a connection ended. A column
is the state before it. `docs/maintainers/states.md` is generated from this file.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from speechwire.protocol import EndKind
from speechwire.session._signal import Signal

__all__ = ["ENDING_OF", "TABLE", "Attempt", "Ending", "Happening", "Operation", "State", "StateMachine"]


class State(enum.StrEnum):
    """The state of a session."""

    IDLE = "idle"
    """No connection: there is nothing to send yet, or the service closed an unused one."""
    CONNECTING = "connecting"
    """A connection is being opened."""
    READY = "ready"
    """A connection is open."""
    TRANSIENT_FAILURE = "transient failure"
    """An attempt or a connection has failed, and another attempt will follow."""
    DRAINING = "draining"
    """The session is closing. What was pushed is sent, and the last results are awaited."""
    SHUTDOWN = "shutdown"
    """The session is over."""


class Operation(enum.StrEnum):
    """What a caller can ask of a session."""

    PUSH = "push"
    FLUSH = "flush"
    CONFIGURE = "configure"
    REPLACE = "replace the connection"
    EXCHANGE = "exchange the converter"
    CONNECT = "connect"
    REQUEST = "request speech"
    INTERRUPT = "interrupt"
    CLOSE = "aclose"
    CANCEL = "cancel the session's task"


class Attempt(enum.StrEnum):
    """The steps and outcomes of opening a connection, and the end of draining."""

    DIAL = "an attempt begins"
    OPENED = "it succeeds"
    UNREACHABLE = "it fails, another may succeed"
    REFUSED = "it is refused for good"
    ABANDONED = "no other attempt follows"
    DRAINED = "nothing is left to do"
    DEADLINE = "the deadline of aclose passes"


class Ending(enum.StrEnum):
    """How a connection ended."""

    COMPLETE = "complete"
    """The session requested the end, and the service has shown that it finished."""
    REPLACED = "replaced"
    """The session ended it because another connection replaced it."""
    ROTATED = "rotated"
    """The service ends connections of this age."""
    UNUSED = "unused"
    """The service ended a connection on which nothing was sent."""
    LOST = "lost"
    """The network or the service ended it."""
    THROTTLED = "throttled"
    """The service ended it because of a rate limit."""
    STALLED = "stalled"
    """It was open, but the service stopped reading or answering."""
    FAULTED = "faulted"
    """speechwire failed while handling it."""
    REJECTED = "rejected"
    """The service ended it for a reason that another connection would not change."""


ENDING_OF: Final[Mapping[EndKind, Ending]] = {
    EndKind.SUCCESS: Ending.COMPLETE,
    EndKind.ROTATION: Ending.ROTATED,
    EndKind.IDLE: Ending.UNUSED,
    EndKind.TRANSIENT: Ending.LOST,
    EndKind.THROTTLE: Ending.THROTTLED,
    EndKind.PERMANENT: Ending.REJECTED,
}
"""The session's ending for each kind of close that the protocol reports."""

Happening = Operation | Attempt | Ending

_Row = Mapping[State, State]

_IDLE, _CONNECTING, _READY = State.IDLE, State.CONNECTING, State.READY
_FAILURE, _DRAINING, _SHUTDOWN = State.TRANSIENT_FAILURE, State.DRAINING, State.SHUTDOWN

_STAYS_WHILE_OPEN: _Row = {state: state for state in (_IDLE, _CONNECTING, _READY, _FAILURE)}
_STAYS: _Row = {state: state for state in State}

TABLE: Final[Mapping[Happening, _Row]] = {
    # The caller. Where a state is missing, the operation raises `SessionClosed`.
    Operation.PUSH: _STAYS_WHILE_OPEN,
    Operation.FLUSH: _STAYS_WHILE_OPEN,
    Operation.CONFIGURE: _STAYS_WHILE_OPEN,
    Operation.REPLACE: _STAYS_WHILE_OPEN,
    Operation.EXCHANGE: _STAYS_WHILE_OPEN,
    Operation.CONNECT: _STAYS_WHILE_OPEN,
    Operation.REQUEST: _STAYS_WHILE_OPEN,
    Operation.INTERRUPT: _STAYS,
    Operation.CLOSE: {
        _IDLE: _DRAINING,
        _CONNECTING: _DRAINING,
        _READY: _DRAINING,
        _FAILURE: _DRAINING,
        _DRAINING: _DRAINING,
        _SHUTDOWN: _SHUTDOWN,
    },
    Operation.CANCEL: dict.fromkeys(State, _SHUTDOWN),
    # Getting a connection.
    Attempt.DIAL: {_IDLE: _CONNECTING, _FAILURE: _CONNECTING, _DRAINING: _DRAINING},
    Attempt.OPENED: {_CONNECTING: _READY, _DRAINING: _DRAINING},
    Attempt.UNREACHABLE: {_CONNECTING: _FAILURE, _DRAINING: _DRAINING},
    Attempt.REFUSED: {_CONNECTING: _SHUTDOWN, _DRAINING: _SHUTDOWN},
    Attempt.ABANDONED: {_IDLE: _SHUTDOWN, _FAILURE: _SHUTDOWN, _DRAINING: _SHUTDOWN},
    Attempt.DRAINED: {_DRAINING: _SHUTDOWN},
    Attempt.DEADLINE: {_DRAINING: _SHUTDOWN},
    # The end of a connection. While draining, another may follow to send the remaining audio.
    Ending.COMPLETE: {_DRAINING: _DRAINING},
    Ending.REPLACED: {_READY: _READY, _DRAINING: _DRAINING},
    Ending.ROTATED: {_READY: _IDLE, _DRAINING: _DRAINING},
    Ending.UNUSED: {_READY: _IDLE, _DRAINING: _DRAINING},
    Ending.LOST: {_READY: _FAILURE, _DRAINING: _DRAINING},
    Ending.THROTTLED: {_READY: _FAILURE, _DRAINING: _DRAINING},
    Ending.STALLED: {_READY: _FAILURE, _DRAINING: _DRAINING},
    Ending.FAULTED: {_READY: _FAILURE, _DRAINING: _DRAINING},
    Ending.REJECTED: {_READY: _SHUTDOWN, _DRAINING: _SHUTDOWN},
}


class StateMachine:
    """One session's state.

    Attributes:
        state: The current state; read it only.
        accepting: Whether the session takes work: it is neither draining nor over.
        loop: The event loop in which it takes work; ``None`` before it is known and when it takes no work.
        changed: Wakes tasks that wait for another state.
        observer: Called for every step of every session with the state before and what happened, for tests
            and statistics.
    """

    observer: ClassVar[Callable[[State, Happening], None] | None] = None

    __slots__ = ("accepting", "changed", "loop", "state")

    def __init__(self) -> None:
        self.state = State.IDLE
        self.accepting = True
        self.loop: asyncio.AbstractEventLoop | None = None
        self.changed = Signal()

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        return self.state is State.SHUTDOWN

    def step(self, happening: Happening) -> None:
        """Make the transition for what happened.

        Raises:
            AssertionError: The table has no such transition: a bug in speechwire.
        """
        before = self.state
        after = TABLE[happening].get(before)
        if after is None:
            raise AssertionError(f"{happening.name} cannot happen while {before.value}")
        self.state = after
        self.accepting = after is not State.DRAINING and after is not State.SHUTDOWN
        if not self.accepting:
            self.loop = None
        self.changed.notify()
        if StateMachine.observer is not None:
            StateMachine.observer(before, happening)

    def allows(self, happening: Happening) -> bool:
        """Whether this may happen in the current state."""
        return self.state in TABLE[happening]
