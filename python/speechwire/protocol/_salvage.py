"""Keeps the valid parts of a message that differs from the documentation.

An invalid or null field counts as absent. Invalid words or entities are removed from their list. A list of
numbers has a meaning by position, so one invalid number makes the whole list invalid. A struct without a
required field is invalid.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from msgspec import inspect

__all__ = ["JUNK", "plain", "salvaged"]

JUNK: Final = object()

_LONGEST_NUMBER: Final = 40
_WORDS_FOR_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


def plain(text: str) -> Any:
    """Parse a JSON text, also with ``NaN`` and the like for numbers; return ``JUNK`` if it is not JSON."""
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return JUNK


def salvaged(value: Any, kind: inspect.Type, dropped: list[str]) -> Any:
    """Convert a value to its documented type, or return ``JUNK``.

    Args:
        value: Decoded JSON.
        kind: The documented type.
        dropped: Gets the names of the parts left out.
    """
    match kind:
        case inspect.StructType():
            return _struct(value, kind, dropped)
        case inspect.VarTupleType():
            return _tuple(value, kind.item_type, dropped)
        case inspect.DictType():
            return _dict(value, kind.value_type, dropped)
        case inspect.UnionType():
            return _one_of(value, kind, dropped)
    return _scalar(value, kind)


def _scalar(value: Any, kind: inspect.Type) -> Any:
    match kind:
        case inspect.FloatType():
            return _float(value, kind)
        case inspect.IntType():
            return _int(value, kind)
        case inspect.BoolType():
            return _bool(value)
        case inspect.StrType():
            return _str(value)
    return JUNK


def _struct(value: Any, kind: inspect.StructType, dropped: list[str]) -> Any:
    if not isinstance(value, dict):
        return JUNK
    fields = {}
    for field in kind.fields:
        given = value.get(field.encode_name)
        if given is not None and (item := salvaged(given, field.type, dropped)) is not JUNK:
            fields[field.name] = item
        elif field.required:
            return JUNK
        elif given is not None:
            dropped.append(f"{kind.cls.__name__}.{field.name}")
    return kind.cls(**fields)


def _tuple(value: Any, kind: inspect.Type, dropped: list[str]) -> Any:
    if not isinstance(value, list):
        return JUNK
    items = [salvaged(item, kind, dropped) for item in value]
    if JUNK not in items:
        return tuple(items)
    if isinstance(kind, inspect.IntType):
        return JUNK
    dropped.append(kind.cls.__name__ if isinstance(kind, inspect.StructType) else "an item")
    return tuple(item for item in items if item is not JUNK)


def _dict(value: Any, kind: inspect.Type, dropped: list[str]) -> Any:
    if not isinstance(value, dict):
        return JUNK
    items = {_str(name): salvaged(item, kind, dropped) for name, item in value.items()}
    return {name: item for name, item in items.items() if item is not JUNK}


def _one_of(value: Any, kind: inspect.UnionType, dropped: list[str]) -> Any:
    kinds = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    if isinstance(value, str) and any(isinstance(member, inspect.StrType) for member in kinds):
        return _str(value)
    return next((item for member in kinds if (item := salvaged(value, member, dropped)) is not JUNK), JUNK)


def _float(value: Any, kind: inspect.FloatType) -> Any:
    number = _number(value)
    if number is JUNK or (kind.le is not None and number > kind.le):
        return JUNK
    # A slightly negative time counts as 0.
    return float(number) if kind.ge is None else float(max(number, kind.ge))


def _int(value: Any, kind: inspect.IntType) -> Any:
    number = _number(value)
    if number is JUNK or number != int(number):
        return JUNK
    if (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le):
        return JUNK
    return int(number)


def _number(value: Any) -> Any:
    """A finite number, also one in a string."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            return JUNK
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return JUNK
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_NUMBER else float(digits)


def _bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return _WORDS_FOR_TRUTH.get(str(value).lower(), JUNK) if isinstance(value, (str, int)) else JUNK


def _str(value: Any) -> Any:
    if not isinstance(value, str):
        return JUNK
    # A lone surrogate could not be encoded.
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
