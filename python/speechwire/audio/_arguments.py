"""Checks the arguments of a ring, for both engines."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, Final, SupportsFloat

from speechwire.audio._settings import integer
from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = [
    "MOST_FRAMES",
    "MOST_FRAME_BYTES",
    "bounds",
    "converter",
    "duration",
    "flag",
    "frames",
    "instant",
    "speed",
]

MOST_FRAMES: Final = 1 << 53
MOST_FRAME_BYTES: Final = 1 << 16
_MOST_RATE: Final = (1 << 32) - 1


def bounds(
    frame_bytes: object, frame_rate: object, queue_frames: object, replay_frames: object
) -> tuple[int, int, int, int]:
    """Check the arguments of a new ring.

    Raises:
        InvalidArgument: An argument is out of range.
        InvalidArgumentType: An argument is not an int.
    """
    return (
        integer("frame_bytes", frame_bytes, 1, MOST_FRAME_BYTES),
        integer("frame_rate", frame_rate, 0, _MOST_RATE),
        integer("queue_frames", queue_frames, 1, MOST_FRAMES),
        integer("replay_frames", replay_frames, 0, MOST_FRAMES),
    )


def frames(argument: str, value: object) -> int:
    """Return a count of frames, or a position."""
    return integer(argument, value, 0, MOST_FRAMES)


def instant(argument: str, value: object) -> float:
    """Return a time in seconds."""
    return _number(argument, value, "a finite number of seconds", isfinite)


def duration(argument: str, value: object) -> float:
    """Return a number of seconds from 0 on."""
    return _number(argument, value, "a finite number of seconds from 0 on", lambda seconds: seconds >= 0)


def speed(argument: str, value: object) -> float | None:
    """Return a speed, as a multiple of real time; ``None`` for no limit."""
    if value is None:
        return None
    return _number(argument, value, "a finite number above 0, or None", lambda times: times > 0)


def flag(argument: str, value: object) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise InvalidArgumentType(argument, value, "a bool")
    return value


def converter(argument: str, value: Any) -> Any:
    """Return a converter, or ``None``."""
    methods = getattr(value, "push", None), getattr(value, "flush", None)
    if value is not None and not all(map(callable, methods)):
        raise InvalidArgumentType(argument, value, "an object with the methods push and flush, or None")
    return value


def _number(argument: str, value: object, allowed: str, fits: Callable[[float], bool]) -> float:
    # As for ints: the look at what else is a number takes many times as long.
    number = value if type(value) is float else _float(argument, value, allowed)
    if not (isfinite(number) and fits(number)):
        raise InvalidArgument(argument, value, allowed)
    return number


def _float(argument: str, value: object, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise InvalidArgumentType(argument, value, "a number")
    try:
        return float(value)
    except OverflowError:
        raise InvalidArgument(argument, value, allowed) from None
