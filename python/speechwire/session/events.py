"""What a session reports besides the service's own messages. All times are seconds on the caller's clock."""

from __future__ import annotations

import msgspec

from speechwire.errors import SpeechwireError

__all__ = [
    "AudioDropped",
    "EventsDropped",
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


class AudioDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Audio will never reach the service. One event begins an outage; :attr:`SessionEnded.dropped_s` is the
    sum.

    Attributes:
        seconds: How much, when the event was made.
        reason: ``buffer full`` (never sent), ``replay limit`` (sent, not covered, no longer kept) or
            ``closed`` (not delivered within the drain deadline).
    """

    seconds: float
    reason: str


class EventsDropped(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer was too slow and events gave way, interim results first.

    Attributes:
        count: How many since the last such event.
    """

    count: int


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The last event of a session that was closed.

    Attributes:
        complete: Everything pushed was sent, and the service finished its results.
        pushed_s: Audio pushed, as sent to the service (after conversion).
        dropped_s: Of that, what never reached the service.
        replayed_s: What was sent more than once.
    """

    complete: bool
    pushed_s: float
    dropped_s: float
    replayed_s: float


SessionEvent = Reconnecting | Reconnected | AudioDropped | EventsDropped | SessionEnded
