"""The events of a session besides the service's messages. All times are seconds on the caller's clock."""

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
        error: Why the last attempt or connection failed.
    """

    attempt: int
    delay_s: float
    error: SpeechwireError | None


class Reconnected(msgspec.Struct, frozen=True, kw_only=True):
    """A new connection continues the stream.

    Attributes:
        request_id: The new connection's ``dg-request-id``.
        replayed_s: Seconds of audio that are sent again because no result had covered them.
    """

    request_id: str | None
    replayed_s: float


class OutageBegan(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts are used up. Emitted once for each outage; the session goes on.

    Up to ``buffer_s`` of pushed audio is kept. While audio is pushed, attempts continue, at most
    ``BackoffPolicy.cap_s`` apart.

    Attributes:
        error: Why the last attempt failed.
    """

    error: SpeechwireError


class OutageEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The service works again: a connection has lasted ``BackoffPolicy.quick_failure_s`` and made progress.

    Attributes:
        lasted_s: Seconds since :class:`OutageBegan`.
    """

    lasted_s: float


class ChangeRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A change of settings was refused after its call had returned, and is withdrawn.

    A call returns before the outcome is known if there is no connection, or no answer to ``Configure`` in
    time. Otherwise ``configure`` and ``reopen`` raise.

    Attributes:
        change: The arguments of ``configure``, or the options of ``reopen``.
        error: Why it was refused.
    """

    change: Any
    error: SpeechwireError


class AudioDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Audio was dropped and will have no result.

    An overflow of the buffer emits this once, when it begins; :attr:`SessionEnded.dropped_s` is the total.

    Attributes:
        seconds: How much audio was dropped when the event was made, in seconds.
        reason: ``buffer full`` (never sent), ``replay limit`` (sent without a result, and no longer kept or
            already sent too often), ``closed`` (no result within the deadline of ``aclose``) or ``failed``
            (the session ended with an error).
    """

    seconds: float
    reason: str


class EventsDropped(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer was too slow and events were dropped, interim results first.

    Attributes:
        count: How many events were dropped since the last such event.
    """

    count: int


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The last event of a session, however it ended.

    Attributes:
        complete: Whether everything pushed was sent, and results have shown that the service finished it.
        pushed_s: Seconds of audio pushed, after conversion.
        dropped_s: Seconds of it that no final result covers.
        replayed_s: Seconds of audio that were sent again.
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
