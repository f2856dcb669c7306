"""Checks on single option values: each takes a name and a value, returns the value to keep, or raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = ["Rule", "encodable", "flag", "integer", "number", "one_of", "text", "texts"]

Rule = Callable[[str, Any], Any]


def text(name: str, value: object) -> str:
    """A non-empty string that UTF-8 can encode."""
    if not isinstance(value, str):
        raise InvalidArgumentType(name, value, "a str")
    if not value.strip():
        raise InvalidArgument(name, value, "a non-empty string")
    return encodable(name, value)


def encodable(name: str, value: str) -> str:
    """A string without lone surrogates, which UTF-8 and so JSON cannot carry."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        found = value[error.start]
        raise InvalidArgument(name, found, "text that UTF-8 can encode (no lone surrogates)") from None
    return value


def flag(name: str, value: object) -> bool:
    """``True`` or ``False``; no other value that is true or false in a condition."""
    if not isinstance(value, bool):
        raise InvalidArgumentType(name, value, "a bool")
    return value


def integer(low: int, high: int | None = None) -> Rule:
    """An int from `low` to `high`, both allowed."""
    allowed = f"{low} or more" if high is None else f"from {low} to {high}"

    def check(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidArgumentType(name, value, "an int")
        if value < low or (high is not None and value > high):
            raise InvalidArgument(name, value, allowed)
        return value

    return check


def number(low: float, high: float, *, step: float | None = None) -> Rule:
    """A number from `low` to `high`, both allowed, in steps from 0 if `step` is given."""
    allowed = f"from {low:g} to {high:g}" + (f" in steps of {step:g}" if step else "")

    def check(name: str, value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise InvalidArgumentType(name, value, "a number")
        if not low <= value <= high or (step and not _is_multiple(value, step)):
            raise InvalidArgument(name, value, allowed)
        # A caller's sum of steps may be inexact; send the rounded value.
        return round(value, 6) if step else value

    return check


def one_of(values: Collection[str] | Collection[int]) -> Rule:
    """One of a closed set of strings or ints."""
    kind = type(next(iter(values)))
    allowed = "one of " + ", ".join(str(value) for value in sorted(values))

    def check(name: str, value: object) -> object:
        if type(value) is not kind:
            raise InvalidArgumentType(name, value, f"{allowed}, as {kind.__name__}")
        if value not in values:
            raise InvalidArgument(name, value, allowed)
        return value

    return check


def texts(*, most: int | None = None, longest: int | None = None, item: Rule = text) -> Rule:
    """A sequence of strings, kept as a tuple: `most` of them, each of `longest` characters, at most."""

    def check(name: str, value: Sequence[object]) -> tuple[str, ...]:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise InvalidArgumentType(name, value, "a sequence of str")
        if most is not None and len(value) > most:
            raise InvalidArgument(name, len(value), f"at most {most} items")
        items = tuple(item(name, entry) for entry in value)
        for entry in items:
            if longest is not None and len(entry) > longest:
                raise InvalidArgument(
                    name, f"{len(entry)} characters", f"items of at most {longest} characters"
                )
        return items

    return check


def _is_multiple(value: float, step: float) -> bool:
    # 0.15 / 0.05 is not quite 3 in binary.
    return math.isclose(value / step, round(value / step), abs_tol=1e-6)
