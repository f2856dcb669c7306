"""What a state machine answers, and how a client's text message is read.

Frames are parsed as JSON, never compared as strings: clients differ in spacing and escaping.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Close", "Message", "Output", "Send", "SendAudio", "Unparsable", "parse_message", "type_of"]

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message as a text frame."""

    message: Message


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Send this as a binary frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Send a Close frame; without a status when ``code`` is None, as Flux does after ``CloseStream``."""

    code: int | None
    reason: str = ""


Output = Send | SendAudio | Close


class Unparsable(Exception):
    """A client's text is not one of the messages this endpoint accepts; the text says why, as the service
    does.
    """


def parse_message(text: str, accepted: Sequence[str]) -> Message:
    """Read one client message.

    Raises:
        Unparsable: No JSON object, no ``type``, or a type that is not in ``accepted``.
    """
    try:
        message = json.loads(text)
    except ValueError as error:
        raise _unparsable(f"expected value at {_position(text, error)}") from None
    if not isinstance(message, dict):
        raise _unparsable("expected a JSON object at line 1 column 1")
    kind = message.get("type")
    if not isinstance(kind, str):
        raise _unparsable(f"missing field `type` at line 1 column {len(text)}")
    if kind not in accepted:
        names = ", ".join(f"`{name}`" for name in accepted)
        raise _unparsable(f"unknown variant `{kind}`, expected one of {names} at line 1 column {len(text)}")
    return message


def type_of(frame: str | bytes) -> str | None:
    """The ``type`` of a text frame, if it has one."""
    try:
        message = json.loads(frame) if isinstance(frame, str) else None
    except ValueError:
        return None
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) else None


def _unparsable(detail: str) -> Unparsable:
    return Unparsable(f"Could not deserialize last text message: {detail}")


def _position(text: str, error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}"
    return f"line 1 column {len(text)}"
