"""The interface between a provider's messages and a call, without I/O and without a clock.

A :class:`Codec` belongs to one connection. It turns the messages of one provider into :data:`Incoming` values
and :data:`Outgoing` values into messages. The call does not depend on the provider, and the codec does not
depend on the session. Neither uses a socket: a host moves the messages.

A host chooses the codec when the connection opens, with :func:`speechwire.server.dialects.choose`: by the
subprotocol offered, by the path, or else by the first messages. A :class:`MakeCodec` makes the codec from the
:class:`Opening`.

All times are in seconds. Positions in the caller's audio count from its first sample, over all connections of
a resumed call. Positions in speech count from the first sample of an utterance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        path: The request's path, decoded, without the query.
        query: The query's parameters; the last value of a repeated one.
        headers: The headers by name in lower case, without credentials.
        subprotocol: The chosen subprotocol, or ``None``.
    """

    path: str = "/"
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    subprotocol: str | None = None


class Codec(Protocol):
    """One connection's protocol, without I/O and without a clock. It never raises for a peer's message."""

    @property
    def name(self) -> str:
        """The protocol's name in logs and metrics, such as ``twilio``. May change until :class:`Started`."""

    def receive(self, message: str | bytes) -> list[Incoming]:
        """Decode one message, text as ``str``, binary as ``bytes``. Bounded in time and memory."""

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        """Decode text messages that came together, if all are audio and nothing needs its own :class:`Audio`.

        Returns:
            The audio, in order; empty if any of them is something else: :meth:`receive` then takes each.
        """

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """Encode a value as messages; no message where the protocol cannot express it."""


class MakeCodec(Protocol):
    """Makes the codec of a new connection."""

    def __call__(self, opening: Opening) -> Codec:
        """Make a codec; called after the upgrade was accepted."""
