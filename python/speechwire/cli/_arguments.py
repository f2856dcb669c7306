"""Types of arguments, and options that several commands share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from speechwire.cli._display import Verbosity
from speechwire.cli._files import STANDARD
from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol import ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options

__all__ = ["FILE", "SECONDS", "SPEED", "extra_option", "make_options", "verbosity_options"]

OptionsT = TypeVar("OptionsT", ListenV1Options, ListenV2Options, SpeakV1Options, SpeakV2Options)


if TYPE_CHECKING:
    _PathType = click.ParamType[Path]
    _NumberType = click.ParamType[float | None]
else:  # which click 8.1 has no argument for
    _PathType = _NumberType = click.ParamType


class _FileName(_PathType):
    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if isinstance(value, Path):
            return value
        if not value:
            self.fail("a file's name cannot be empty", param, ctx)
        if value == "-":
            return STANDARD
        path = Path(value)
        return path if path != STANDARD else Path.cwd() / path  # "./-" is a file


class _Number(_NumberType):
    """A finite number in a range, or one of some words that mean ``None``.

    Args:
        name: Shown in the help.
        low: The least.
        high: The most.
        words: Taken as ``None``.
    """

    def __init__(self, name: str, low: float, high: float, *, words: Sequence[str] = ()) -> None:
        self.name = name
        self._low = low
        self._high = high
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value in self._words:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self._low <= number <= self._high:
            allowed = " or ".join([f"a number from {self._low:g} to {self._high:g}", *self._words])
            self.fail(f"{value!r} is not {allowed}", param, ctx)
        return number


FILE = _FileName()
"""A file's name, or ``-``."""

SPEED = _Number("NUMBER|max", 1.0, 1000.0, words=("max",))
"""A multiple of real time; ``None`` for as fast as possible."""

SECONDS = _Number("SECONDS", 0.1, 600.0)
"""A duration."""


def verbosity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-q`` and ``-v``; the command gets ``verbosity``."""

    @click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
    @click.option("-v", "--verbose", is_flag=True, help="Print details, and the traceback of a defect.")
    @functools.wraps(command)
    def with_verbosity(*, quiet: bool, verbose: bool, **rest: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("-q and -v contradict each other")
        verbosity = Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
        return command(verbosity=verbosity, **rest)

    return with_verbosity


extra_option = click.option(
    "--extra",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other parameter of the service, such as numerals=true (repeatable).",
)
"""Adds ``--extra``; the command gets a tuple of texts."""


def make_options(
    kind: type[OptionsT], extra: Sequence[str], set_here: Mapping[str, Any], defaults: Mapping[str, Any]
) -> OptionsT:
    """Make options from the command's own values and those of ``--extra``.

    Args:
        kind: The class of the endpoint's options.
        extra: ``KEY=VALUE`` texts.
        set_here: Values that the command sets; ``--extra`` may not set them.
        defaults: Values that ``--extra`` may override.

    Raises:
        click.UsageError: A text is not such a pair, sets a value of `set_here`, or has a value that the
            service would refuse.
        InvalidArgument: The service would refuse a value of `set_here`.
    """
    known: dict[str, Any] = {}
    unknown: list[tuple[str, str]] = []
    for key, value in map(_pair, extra):
        if key in set_here:
            raise click.UsageError(f"--extra {key}={value}: the command sets {key} by itself or by an option")
        if key in kind.__struct_fields__ and key != "extra":
            known[key] = _merged(known.get(key), _value(kind, key, value))
        else:
            unknown.append((key, value))
    try:
        return kind(**{**defaults, **known, **set_here}, extra=unknown)
    except (InvalidArgument, InvalidArgumentType) as error:
        for text in extra:
            if _pair(text)[0] == error.argument:
                wanted = error.allowed if isinstance(error, InvalidArgument) else error.expected
                wanted = "true or false" if wanted == "a bool" else wanted
                raise click.UsageError(f"--extra {text}: it must be {wanted}") from None
        raise


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise click.UsageError(f"--extra {text}: it must be KEY=VALUE")
    return key, value


def _value(kind: type[OptionsT], key: str, text: str) -> Any:
    """The text as what the parameter takes."""
    field = kind.__struct_fields__.index(key) - len(kind.__struct_fields__)
    if isinstance(_default(kind, field), tuple):
        return (text,)
    if text in ("true", "false"):
        return text == "true"
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return text


def _default(kind: type[OptionsT], field: int) -> Any:
    return kind.__struct_defaults__[field]


def _merged(before: Any, value: Any) -> Any:
    """Merge a repeated parameter: extend a list, replace any other value."""
    return before + value if isinstance(before, tuple) else value
