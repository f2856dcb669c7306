"""Reading query parameters: types and the words a wrong one is refused with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from speechwire.emulator._audio_format import DECODABLE, AudioFormat
from speechwire.emulator._refusal import Refusal

__all__ = [
    "Query",
    "Reader",
    "audio_format",
    "boolean",
    "choice",
    "integer",
    "number",
    "read",
    "unsupported_format",
]

Query = Mapping[str, list[str]]
Reader = Callable[[str], Any]


def boolean(text: str) -> bool:
    """``true`` or ``false``, lower case."""
    if text not in ("true", "false"):
        raise ValueError("provided string was not `true` or `false`")
    return text == "true"


def integer(text: str) -> int:
    """A decimal number, with a sign only if negative."""
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError("invalid digit found in string")
    return int(text)


def number(text: str) -> float:
    """A decimal number."""
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]*)?", text):
        raise ValueError("invalid float literal")
    return float(text)


def choice(*values: str) -> Reader:
    """One of these."""

    def read_choice(text: str) -> str:
        if text not in values:
            allowed = ", ".join(f"`{value}`" for value in values)
            raise ValueError(f"unknown variant `{text}`, expected one of {allowed}")
        return text

    return read_choice


def read(query: Query, readers: Mapping[str, Reader], *, strict: bool = True) -> dict[str, Any]:
    """Read each known parameter; of a repeated one the last counts.

    Raises:
        Refusal: A value of the wrong type, or an unknown name if ``strict``.
    """
    values: dict[str, Any] = {}
    for name, texts in query.items():
        if name in readers:
            values[name] = _read_one(name, texts[-1], readers[name])
        elif strict:
            raise Refusal.bad_query(f"unknown field `{name}`")
    return values


def _read_one(name: str, text: str, reader: Reader) -> Any:
    try:
        return reader(text)
    except ValueError as error:
        raise Refusal.bad_query(f"{name}: {error}") from None


def audio_format(values: Mapping[str, Any], rates: tuple[int, ...] | None, channels: int = 1) -> AudioFormat:
    """What the declared bytes are; ``rates`` None for any from 4 to 192 kHz.

    Raises:
        Refusal: ``encoding`` without ``sample_rate``, a rate out of range, or an encoding not decoded here.
    """
    encoding, rate = values.get("encoding", ""), values.get("sample_rate")
    if not encoding:
        return AudioFormat("", 0)
    if encoding not in DECODABLE:
        usable = "linear16, linear32, mulaw, alaw or a WAV container"
        raise Refusal(400, "Bad Request", f"this emulator does not decode {encoding}; use {usable}")
    if rate is None:
        raise Refusal.bad_query(f"`sample_rate` is required with `encoding={encoding}`")
    if (rate not in rates) if rates else not 4000 <= rate <= 192_000:
        raise unsupported_format(encoding, rates or ("4000 to 192000",))
    return AudioFormat(encoding, rate, channels)


def unsupported_format(encoding: str, rates: tuple[object, ...]) -> Refusal:
    """The refusal of a rate that does not go with its encoding."""
    allowed = ", ".join(str(rate) for rate in rates)
    text = f"Unsupported audio format: `sample_rate` must be [{allowed}] when `encoding={encoding}`"
    return Refusal(400, "Bad Request", text)
