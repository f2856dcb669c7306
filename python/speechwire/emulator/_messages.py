"""The outputs of a state machine, and the parsing of a client's text messages.

Frames are parsed as JSON, never compared as strings: clients differ in spacing and escaping.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Close",
    "Message",
    "Output",
    "Send",
    "SendAudio",
    "Unparsable",
    "parse_message",
    "read_json",
    "type_of",
    "unparsable",
]

Message = dict[str, Any]

_MAX_DIGITS = 300  # a float holds 308
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


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


def read_json(text: str) -> Any:
    """Parse a text as the service does, which takes less than Python.

    Raises:
        ValueError: It is no JSON, nested too deep, or has a number without end or half a character.
    """
    try:
        value = _decoder.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise ValueError("recursion limit exceeded") from None
    except UnicodeEncodeError:
        raise ValueError("lone surrogate in hex escape") from None
    except ValueError:  # of a number that is none, or that no float can hold
        raise ValueError("number out of range") from None
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError
    return int(digits)


def _number(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError
    return number


def _no_number(name: str) -> float:
    raise ValueError


_decoder = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_no_number)


def parse_message(text: str, accepted: Sequence[str]) -> Message:
    """Read one client message.

    Raises:
        Unparsable: No JSON object, no ``type``, or a type that is not in ``accepted``.
    """
    try:
        message = read_json(text)
    except json.JSONDecodeError as error:
        raise unparsable(f"expected value at line {error.lineno} column {error.colno}") from None
    except ValueError as error:
        raise unparsable(f"{error} at line 1 column {len(text)}") from None
    if not isinstance(message, dict):
        raise unparsable("expected a JSON object at line 1 column 1")
    kind = message.get("type")
    if not isinstance(kind, str):
        raise unparsable(f"missing field `type` at line 1 column {len(text)}")
    if kind not in accepted:
        names = ", ".join(f"`{name}`" for name in accepted)
        raise unparsable(f"unknown variant `{kind}`, expected one of {names} at line 1 column {len(text)}")
    return message


def type_of(frame: str | bytes) -> str | None:
    """The ``type`` of a text frame, if it has one."""
    try:
        message = read_json(frame) if isinstance(frame, str) else None
    except ValueError:
        return None
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) else None


def unparsable(detail: str) -> Unparsable:
    return Unparsable(f"Could not deserialize last text message: {detail}")
