"""The events that every endpoint can report besides Deepgram's messages.

Deepgram's messages are in one module per endpoint (``listen_v1_events``, ``listen_v2_events``,
``speak_v1_events``, ``speak_v2_events``), each struct named as its ``type``. All are frozen
`msgspec` structs, so `msgspec.structs.replace` gives a shifted or completed copy.
"""

from __future__ import annotations

import enum

import msgspec

from speechwire.errors import SpeechwireError

__all__ = ["Closed", "EndKind", "MalformedMessage", "Message", "SequenceGap", "UnknownMessage"]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type", gc=False):
    """Base of Deepgram's messages: distinguished by ``type``, fields by name, unknown fields ignored."""


class EndKind(enum.StrEnum):
    """What the end of a connection means for the caller."""

    SUCCESS = "success"
    """Ended as requested: everything was delivered."""
    TRANSIENT = "transient"
    """Connect again, with back-off."""
    THROTTLE = "throttle"
    """A rate limit was exceeded: wait, slow down, connect again."""
    IDLE = "idle"
    """Nothing was sent for too long: connect again when there is something to send."""
    ROTATION = "rotation"
    """The connection reached its maximum age: connect again at once."""
    PERMANENT = "permanent"
    """A new connection would end the same way."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """The connection has ended; always the last event.

    Attributes:
        code: WebSocket close code; 1005 without a status, 1006 without a close frame.
        reason: The close frame's reason as sent.
        kind: What that means.
        deepgram_code: Deepgram's own code in the reason (``NET-0001``) or of the fatal ``Error`` before it.
        error: ``None`` exactly when `kind` is ``success``; else a `ServiceError` if the service said
            what was wrong, or a `ConnectionLost`. Its ``retryable`` is false exactly when `kind` is
            ``permanent``.
    """

    code: int
    reason: str
    kind: EndKind
    deepgram_code: str | None = None
    error: SpeechwireError | None = None


class UnknownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed message of a type this version does not know.

    Attributes:
        type: Its ``type``.
        payload: The message's JSON text as received. It is not decoded, since its structure is unknown and
            decoded hostile JSON takes many times its size in memory.
    """

    type: str
    payload: str


class MalformedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that is not a message of this endpoint, or a part of the message before that was left out.

    Attributes:
        reason: What is wrong with it, or what was left out.
        preview: Its beginning, at most 200 characters, control characters escaped.
    """

    reason: str
    preview: str


class SequenceGap(msgspec.Struct, frozen=True, kw_only=True):
    """The message that follows does not carry the next ``sequence_id``.

    Attributes:
        expected: The number that was due.
        received: The number that came: higher after a loss, lower for a repeated or late message.
    """

    expected: int
    received: int
