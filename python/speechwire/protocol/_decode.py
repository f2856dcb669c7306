"""Decodes text frames to messages, in one pass and without raising.

The fast path is one call into msgspec, which also checks the range of every number. Only a frame that it
refuses is examined again: to distinguish an unknown type from a broken message, and to keep the valid parts
of a known message. See :mod:`speechwire.protocol._salvage`.
"""

from __future__ import annotations

import typing
from collections.abc import Collection
from typing import Any, Generic, TypeVar

import msgspec
import msgspec.inspect

from speechwire.protocol._salvage import JUNK, plain, salvaged
from speechwire.protocol.events import MalformedMessage, UnknownMessage

__all__ = ["PREVIEW_CHARACTERS", "MessageDecoder", "Salvaged", "malformed"]

MessageT = TypeVar("MessageT")

PREVIEW_CHARACTERS = 200
# Every message type is far shorter. A longer one is junk, and would be copied into logs.
_TYPE_CHARACTERS = 64
# Decoding to plain objects costs many times the text's size, and real messages are far smaller.
_SALVAGE_CHARACTERS = 1 << 18

# A lone surrogate cannot be encoded; deep nesting ends in RecursionError.
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Salvaged(Generic[MessageT]):
    """A message without its invalid parts.

    Attributes:
        message: The message with its valid parts.
        junk: The names of the parts left out.
    """

    __slots__ = ("junk", "message")

    def __init__(self, message: MessageT, junk: MalformedMessage) -> None:
        self.message = message
        self.junk = junk


class _Head(msgspec.Struct):
    type: str


_HEAD: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)


class MessageDecoder(Generic[MessageT]):
    """Decodes the text frames of one endpoint.

    Args:
        messages: The union of its message structs, tagged by ``type``.
        essential: Names of parts without which a message is useless.
    """

    def __init__(self, messages: Any, *, essential: Collection[str] = ()) -> None:
        self._essential = frozenset(essential)
        self._decoder: msgspec.json.Decoder[MessageT] = msgspec.json.Decoder(messages)
        self._kinds = {
            kind.__struct_config__.tag: msgspec.inspect.type_info(kind) for kind in typing.get_args(messages)
        }

    def decode(self, frame: str) -> MessageT | Salvaged[MessageT] | UnknownMessage | MalformedMessage:
        """Decode the message in `frame`. Never raises."""
        try:
            return self._decoder.decode(frame)
        except _UNREADABLE as error:
            return self._look_again(frame, str(error))

    def _look_again(
        self, frame: str, reason: str
    ) -> MessageT | Salvaged[MessageT] | UnknownMessage | MalformedMessage:
        name = _name(frame)
        if name is not None and name not in self._kinds:
            return _unknown(name, frame)
        message = plain(frame) if len(frame) <= _SALVAGE_CHARACTERS else JUNK
        name = message.get("type") if isinstance(message, dict) else None
        if not isinstance(name, str):
            return malformed(reason, frame)
        if name not in self._kinds:
            return _unknown(name, frame)
        dropped: list[str] = []
        kept: Any = salvaged(message, self._kinds[name], dropped)
        if kept is JUNK or not self._essential.isdisjoint(dropped):
            return malformed(reason, frame)
        left_out = ", ".join(dict.fromkeys(dropped))
        return Salvaged(kept, malformed(f"left out of it: {left_out}", frame)) if dropped else kept


def _name(frame: str) -> str | None:
    """The message's type; ``None`` if the frame is not a JSON object with a type."""
    try:
        return _HEAD.decode(frame).type
    except _UNREADABLE:
        return None


def _unknown(name: str, frame: str) -> UnknownMessage | MalformedMessage:
    if len(name) > _TYPE_CHARACTERS:
        return malformed(f"a type name of {len(name)} characters", frame)
    return UnknownMessage(type=name, payload=frame)


def malformed(reason: str, frame: str | bytes) -> MalformedMessage:
    """A `MalformedMessage` with a bounded reason and preview."""
    head = frame[:PREVIEW_CHARACTERS]
    text = head.encode("unicode_escape").decode() if isinstance(head, str) else head.hex()
    return MalformedMessage(reason=reason[:PREVIEW_CHARACTERS], preview=text[:PREVIEW_CHARACTERS])
