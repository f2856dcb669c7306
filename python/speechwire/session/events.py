"""What a session reports besides the service's own messages. All times are seconds on the caller's clock."""

from __future__ import annotations

from typing import Any

import msgspec

from speechwire.errors import SpeechwireError

__all__ = [
    "AudioDropped",
    "ChangeRefused",
    "EventsDropped",
    "OutageBegan",
    "OutageEnded",
    "Reconnected",
    "Reconnecting",
    "SessionEnded",
    "SessionEvent",
]


class Reconnecting(msgspec.Struct, frozen=True, kw_only=True):
    """There is no connection; another attempt follows. Audio pushed meanwhile is kept.

    Attributes:
        attempt: Failed attempts in a row so far, this one included.
        delay_s: Seconds until the next attempt.
        error: Why.
    """

    attempt: int
    delay_s: float
    error: SpeechwireError | None


class Reconnected(msgspec.Struct, frozen=True, kw_only=True):
    """A new connection continues the stream.

    Attributes:
        request_id: The new connection's ``dg-request-id``.
        replayed_s: Audio that was sent before and is sent again: no result had covered it.
    """

    request_id: str | None
    replayed_s: float


class OutageBegan(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts are used up. Comes once for each outage; the session goes on.

    Audio that is pushed is kept within ``buffer_s``, and while it comes one attempt follows the other, at
    most ``BackoffPolicy.cap_s`` apart.

    Attributes:
        error: Why the last attempt failed.
    """

    error: SpeechwireError


class OutageEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The service answers again: a connection has lasted ``BackoffPolicy.quick_failure_s`` and got on.

    Attributes:
        lasted_s: Seconds since :class:`OutageBegan`.
    """

    lasted_s: float


class ChangeRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A change for the next connection was refused, and is dropped.

    Only for a change whose call has ended: there was no connection, or no answer to ``Configure`` in time.
    Otherwise ``configure`` and ``reopen`` raise.

    Attributes:
        change: The arguments of ``configure``, or the options of ``reopen``.
        error: Why.
    """

    change: Any
    error: SpeechwireError


class AudioDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Audio will have no result. While a buffer overflows this is said once; :attr:`SessionEnded.dropped_s`
    is the sum.

    Attributes:
        seconds: How much, when the event was made.
        reason: ``buffer full`` (never sent), ``replay limit`` (sent without a result, and no longer kept or
            sent too often already), ``closed`` (no result within the deadline of ``aclose``) or ``failed``
            (the session ended with an error).
    """

    seconds: float
    reason: str


class EventsDropped(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer was too slow and events were dropped, interim results first.

    Attributes:
        count: How many since the last such event.
    """

    count: int


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The last event of a session, however it ended.

    Attributes:
        complete: Everything pushed was sent, and results have shown that the service finished it.
        pushed_s: Audio pushed, as sent to the service (after conversion).
        dropped_s: Of that, what no final result covers.
        replayed_s: What was sent again.
    """

    complete: bool
    pushed_s: float
    dropped_s: float
    replayed_s: float


SessionEvent = (
    Reconnecting
    | Reconnected
    | OutageBegan
    | OutageEnded
    | ChangeRefused
    | AudioDropped
    | EventsDropped
    | SessionEnded
)
