"""The seam between a caller's messages and a call: what came in and what goes out, without I/O and clock.

A :class:`Codec` belongs to one connection. It turns the messages of one provider into :data:`Incoming` values
and :data:`Outgoing` values into messages. The call behind it knows no provider, the codec no session, and
neither a socket: a host moves the messages.

A host chooses the codec when the connection opens, with :func:`speechwire.server.dialects.choose`: by the
subprotocol offered, by the path, or, where neither says it, by the first messages. A codec is made by a
:class:`MakeCodec`, which gets the :class:`Opening`.

All times are seconds. Positions in the caller's audio count from its first sample, over all connections of a
resumed call; positions in speech count from the first sample of an utterance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from speechwire.server._incoming import (
    Audio,
    Cleared,
    Digit,
    EndTurn,
    Flow,
    FormatChanged,
    Incoming,
    Interrupt,
    Malformed,
    MarkPlayed,
    PeerError,
    Played,
    Reply,
    Started,
    Stopped,
    Text,
)
from speechwire.server._outgoing import (
    Accepted,
    Acknowledged,
    Caption,
    Clear,
    Failure,
    Goodbye,
    Mark,
    Notice,
    Outgoing,
    Queued,
    Speech,
    SpeechEnded,
    SpeechStarted,
    Word,
)
from speechwire.server._values import AudioFormat, Record

__all__ = [
    "Accepted",
    "Acknowledged",
    "Audio",
    "AudioFormat",
    "Caption",
    "Clear",
    "Cleared",
    "Codec",
    "Digit",
    "EndTurn",
    "Failure",
    "Flow",
    "FormatChanged",
    "Goodbye",
    "Incoming",
    "Interrupt",
    "MakeCodec",
    "Malformed",
    "Mark",
    "MarkPlayed",
    "Notice",
    "Opening",
    "Outgoing",
    "PeerError",
    "Played",
    "Queued",
    "Reply",
    "Speech",
    "SpeechEnded",
    "SpeechStarted",
    "Started",
    "Stopped",
    "Text",
    "Word",
]


class Opening(Record, frozen=True, kw_only=True):
    """How a connection was opened.

    Attributes:
        path: Of the request, decoded, without the query.
        query: The query's parameters; of a repeated one the last.
        headers: Names in lower case; the credential is taken out.
        subprotocol: The one that was chosen, or ``None``.
    """

    path: str = "/"
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    subprotocol: str | None = None


class Codec(Protocol):
    """One connection's protocol, without I/O and without a clock. It never raises for what a peer sends."""

    @property
    def name(self) -> str:
        """The protocol's name in logs and metrics: ``twilio``, ``speechwire``. May change until Started."""

    def receive(self, message: str | bytes) -> list[Incoming]:
        """What one message means: text as ``str``, binary as ``bytes``. Bounded in time and memory."""

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """The messages that say this; none where the protocol cannot say it."""


class MakeCodec(Protocol):
    """Makes the codec of a new connection."""

    def __call__(self, opening: Opening) -> Codec:
        """Make one; called after the upgrade was accepted."""
