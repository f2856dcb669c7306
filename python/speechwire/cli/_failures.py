"""Failures a user can meet: their exit codes, and their words on one line."""

from __future__ import annotations

import re

import click

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    InvalidArgumentType,
    SpeechwireError,
)

__all__ = [
    "EXIT_CODES",
    "EXPECTED",
    "FAILED",
    "HUNG_UP",
    "INTERRUPTED",
    "TERMINATED",
    "UNREACHABLE",
    "USAGE",
    "InputError",
    "OutputError",
    "UnreachableError",
    "exit_code",
    "named",
    "one_line",
    "printable",
]

FAILED, USAGE, UNREACHABLE, HUNG_UP, INTERRUPTED, TERMINATED = 1, 2, 3, 129, 130, 143

EXIT_CODES = {
    0: "done",
    FAILED: "failed on the way: unwritable output, lost audio, a service error",
    USAGE: "wrong usage, or an input that cannot be read",
    UNREACHABLE: "the service refused, or cannot be reached",
    HUNG_UP: "ended by SIGHUP: the terminal was closed",
    INTERRUPTED: "interrupted with Ctrl-C",
    TERMINATED: "ended by SIGTERM",
}
"""Every exit code of every command, in words."""

# What an argument is called on the command line.
_TYPED = {
    "api_key": "the API key",
    "base_url": "--base-url",
    "extra": "--extra",
    "keyterm": "--keyterm",
    "language": "--language",
    "model": "--model",
    "out_rate": "--rate",
    "redact": "--redact",
    "sample_rate": "--rate",
    "speed": "--speed",
}
# click names the type of an option's value by its own class.
_KINDS = {"integer": "is not a whole number", "float": "is not a number"}
_CLICKS = re.compile(r"is not a valid (integer|float)( range)?")
_LINE_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class InputError(ValueError):
    """An input cannot be read, or not as audio; the message names it."""


class UnreachableError(Exception):
    """An address cannot be reached; the message names it."""


class OutputError(ValueError):
    """An output cannot hold what is to be written; the message names it."""


EXPECTED = (click.ClickException, SpeechwireError, InputError, OutputError, UnreachableError, OSError)
"""What a command may end with; anything else is a defect."""


def exit_code(error: BaseException) -> int:
    """The exit code of a failure."""
    error = _root(error)
    if isinstance(error, (click.UsageError, InputError, InvalidArgument, InvalidArgumentType)):
        return USAGE
    if isinstance(error, (HandshakeRefused, ConnectFailed, ConnectionLost, UnreachableError)):
        return UNREACHABLE
    return FAILED


def one_line(error: BaseException) -> str:
    """Describe an error on one line, with options named as on the command line."""
    return printable(_words(_root(error)))


def printable(text: str) -> str:
    """The text on one line, without control characters."""
    line = _LINE_BREAKS.sub(" ", text.strip())
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", line)


def named(name: str, error: BaseException) -> str:
    """What happened to a file, on one line, with its name."""
    words, name = one_line(error), printable(name)
    return words if words.startswith(f"{name}: ") else f"{name}: {words}"


def _words(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return _CLICKS.sub(lambda found: _KINDS[found[1]], error.format_message())
    if isinstance(error, InvalidArgument):
        # The text in brackets is advice for programs.
        allowed = error.allowed.partition(" (see ")[0]
        return f"{_TYPED.get(error.argument, error.argument)} must be {allowed}, got {error.value!r}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _root(error: BaseException) -> BaseException:
    """The cause of a closed session, which is more useful than the error that it is closed."""
    while isinstance(error, SpeechwireError) and isinstance(error.__cause__, SpeechwireError):
        error = error.__cause__
    return error
