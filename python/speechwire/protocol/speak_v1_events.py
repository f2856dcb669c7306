"""Server messages of ``/v1/speak``, Aura (Deepgram docs: tts-websocket, tts-ws-flush, tts-ws-clear)."""

from __future__ import annotations

import msgspec

from speechwire.protocol._numbers import Index
from speechwire.protocol.events import Closed, MalformedMessage, Message, UnknownMessage

__all__ = [
    "WIRE_MESSAGES",
    "Audio",
    "Cleared",
    "Error",
    "Event",
    "Flushed",
    "Metadata",
    "Warning",
    "WireWarning",
]


class Metadata(Message, frozen=True, kw_only=True):
    """The connection is ready; the first message."""

    request_id: str = ""
    model_name: str = ""
    model_version: str = ""
    model_uuid: str = ""
    additional_model_uuids: tuple[str, ...] = ()


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of speech, headerless, in the requested encoding.

    Attributes:
        data: Any length, also odd: a sample may continue in the next piece.
        flush_index: Which flush of this connection, from 0, it belongs to.
    """

    data: bytes
    flush_index: int


class Flushed(Message, frozen=True, kw_only=True):
    """All audio of a flush has come.

    Attributes:
        sequence_id: The service's count of ``Flushed`` and ``Cleared``, from 0.
        flush_index: Which flush of this connection, from 0; ``None`` if none was waiting for its answer.
    """

    sequence_id: Index | None = None
    flush_index: int | None = None


class Cleared(Message, frozen=True, kw_only=True):
    """A ``Clear`` has taken effect: nothing of what came before it will follow.

    Attributes:
        sequence_id: The service's count of ``Flushed`` and ``Cleared``, from 0.
        flush_indices: The flushes it wiped.
        discarded_bytes: Audio that arrived between ``Clear`` and this answer and was thrown away.
    """

    sequence_id: Index | None = None
    flush_indices: tuple[int, ...] = ()
    discarded_bytes: int = 0


class Warning(Message, frozen=True, kw_only=True):
    """Something was refused; the stream goes on.

    Attributes:
        code: Such as ``EXCESSIVE_FLUSH``.
        description: The service's own words.
        flush_index: Which flush it refuses, if it refuses one: no audio and no ``Flushed`` will come for it.
    """

    code: str = ""
    description: str = ""
    flush_index: int | None = None


class Error(Message, frozen=True, kw_only=True):
    """An error in words; the close code that follows says what it means."""

    code: str = ""
    description: str = ""


class WireWarning(Message, frozen=True, kw_only=True, tag="Warning"):
    """A `Warning` as it comes: the reference spells it one way, the service the other."""

    code: str = ""
    description: str = ""
    warn_code: str = ""
    warn_msg: str = ""


WIRE_MESSAGES = Metadata | Flushed | Cleared | WireWarning | Error
Event = Metadata | Flushed | Cleared | Warning | Error | Audio | UnknownMessage | MalformedMessage | Closed
