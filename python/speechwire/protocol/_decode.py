"""Text frames to messages: decoded and validated in one pass, and never an exception.

The fast path is one call into msgspec. Only a frame it refuses is looked at again: to tell a message of an
unknown type from a broken one, and to save a known one whose optional fields are ``null`` or whose numbers
come in another JSON type.
"""

from __future__ import annotations

import typing
from typing import Any, Generic, TypeVar

import msgspec

from speechwire.protocol.events import MalformedMessage, UnknownMessage

__all__ = ["PREVIEW_CHARACTERS", "MessageDecoder", "malformed"]

MessageT = TypeVar("MessageT")

PREVIEW_CHARACTERS = 200
# No message type comes near this; a longer one is noise, and would be copied into logs.
_TYPE_CHARACTERS = 64
# Decoding to plain objects costs many times the text's size, and real messages are far smaller.
_SALVAGE_CHARACTERS = 1 << 18

# A lone surrogate cannot be encoded; deep nesting ends in RecursionError.
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class _Head(msgspec.Struct):
    type: str


_HEAD: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)


class MessageDecoder(Generic[MessageT]):
    """Decodes the text frames of one endpoint.

    Args:
        messages: The union of its message structs, tagged by ``type``.
    """

    def __init__(self, messages: Any) -> None:
        self._messages = messages
        self._decoder: msgspec.json.Decoder[MessageT] = msgspec.json.Decoder(messages)
        self._known = frozenset(message.__struct_config__.tag for message in typing.get_args(messages))

    def decode(self, frame: str) -> MessageT | UnknownMessage | MalformedMessage:
        """The message in `frame`; raises nothing, whatever `frame` holds."""
        try:
            return self._decoder.decode(frame)
        except msgspec.ValidationError as error:
            return self._look_again(frame, str(error))
        except _UNREADABLE as error:
            return malformed(str(error), frame)

    def _look_again(self, frame: str, reason: str) -> MessageT | UnknownMessage | MalformedMessage:
        try:
            name = _HEAD.decode(frame).type
        except _UNREADABLE:
            return malformed(reason, frame)
        if name in self._known:
            return self._salvage(frame, reason)
        if len(name) > _TYPE_CHARACTERS:
            return malformed(f"a type name of {len(name)} characters", frame)
        return UnknownMessage(type=name, payload=frame)

    def _salvage(self, frame: str, reason: str) -> MessageT | MalformedMessage:
        if len(frame) > _SALVAGE_CHARACTERS:
            return malformed(reason, frame)
        try:
            plain = _without_nulls(msgspec.json.decode(frame))
            message: MessageT = msgspec.convert(plain, self._messages, strict=False)
        except _UNREADABLE:
            return malformed(reason, frame)
        return message


def malformed(reason: str, frame: str | bytes) -> MalformedMessage:
    """A `MalformedMessage` with a bounded reason and preview."""
    head = frame[:PREVIEW_CHARACTERS]
    text = head.encode("unicode_escape").decode() if isinstance(head, str) else head.hex()
    return MalformedMessage(reason=reason[:PREVIEW_CHARACTERS], preview=text[:PREVIEW_CHARACTERS])


def _without_nulls(value: Any) -> Any:
    """A null field means the same as an absent one, which has a default."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
