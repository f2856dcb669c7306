"""Failures a user can meet: their exit codes, and their words on one line."""

from __future__ import annotations

import click

from speechwire.cli._wav import WavError
from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    InvalidArgumentType,
    SpeechwireError,
)

__all__ = ["EXPECTED", "FAILED", "INTERRUPTED", "UNREACHABLE", "exit_code", "one_line"]

EXPECTED = (click.ClickException, SpeechwireError, WavError, OSError)
"""What a command may end with; anything else is a defect and keeps its traceback."""

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130


def exit_code(error: BaseException) -> int:
    """The exit code of a failure."""
    error = _root(error)
    if isinstance(error, (click.UsageError, InvalidArgument, InvalidArgumentType)):
        return USAGE
    if isinstance(error, (HandshakeRefused, ConnectFailed, ConnectionLost)):
        return UNREACHABLE
    return FAILED


def one_line(error: BaseException) -> str:
    """What happened, on one line."""
    error = _root(error)
    if isinstance(error, click.ClickException):
        words = error.format_message()
    elif isinstance(error, OSError) and error.strerror:
        words = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        words = str(error)
    return " ".join(words.split())


def _root(error: BaseException) -> BaseException:
    """A closed session's cause says more than that it was closed."""
    while isinstance(error, SpeechwireError) and isinstance(error.__cause__, SpeechwireError):
        error = error.__cause__
    return error
