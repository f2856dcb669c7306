"""Which service a command talks to, and with which key."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from speechwire.cli._arguments import FILE
from speechwire.cli._files import is_standard
from speechwire.emulator import Emulator
from speechwire.protocol import DEFAULT_BASE_URL

__all__ = ["Access", "Service", "service_options"]

_VARIABLE = "DEEPGRAM_API_KEY"
_LONGEST_KEY = 1 << 16


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is, and the key to it."""

    api_key: str
    base_url: str

    def __repr__(self) -> str:
        return f"Access({self.base_url})"


@dataclass(frozen=True, slots=True)
class Service:
    """What the user chose.

    Args:
        emulator: An emulator inside this process, with the offline engine.
        base_url: ``None`` for Deepgram's own.
        key_file: Holds the API key; ``None`` takes the environment's.
    """

    emulator: bool
    base_url: str | None
    key_file: Path | None

    @property
    def key_source(self) -> str:
        """Where the key comes from, in words."""
        if self.emulator:
            return "not needed by the emulator"
        return "--key-file" if self.key_file else _VARIABLE

    @asynccontextmanager
    async def access(self) -> AsyncIterator[Access]:
        """Start the emulator if it is wanted; ends it afterwards.

        Raises:
            click.UsageError: There is no key, or the options contradict each other.
            EngineUnavailable: The emulator's packages are not installed.
        """
        if not self.emulator:
            yield Access(self.api_key(), self.base_url or DEFAULT_BASE_URL)
            return
        if self.base_url or self.key_file:
            raise click.UsageError("--emulator runs in this process: leave out --base-url and --key-file")
        async with Emulator("offline") as emulator:
            yield Access("offline", emulator.base_url)

    def check_streams(self, inputs: Sequence[Path]) -> None:
        """Raise click.UsageError if standard input is to be read more than once."""
        readers = [path for path in inputs if is_standard(path, output=False)]
        if self.key_file is not None and is_standard(self.key_file, output=False):
            readers.append(self.key_file)
        if len(readers) > 1:
            raise click.UsageError("standard input can be read only once")

    def api_key(self) -> str:
        """The key; never shown, not even where a key was given in place of a file's name.

        Raises:
            click.UsageError: There is no key.
        """
        if self.key_file is None:
            key = os.environ.get(_VARIABLE, "").strip()
            if not key:
                raise click.UsageError(f"no API key: set {_VARIABLE}, or use --key-file, or --emulator")
            return key
        try:
            file: Path | int = 0 if is_standard(self.key_file, output=False) else self.key_file
            with open(file, encoding="ascii", closefd=file != 0) as opened:
                key = opened.read(_LONGEST_KEY).strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not plain text"
            raise click.UsageError(f"the file named by --key-file cannot be read: {why}") from None
        if not key:
            raise click.UsageError("the file named by --key-file is empty")
        if not key.isprintable():
            raise click.UsageError("the file named by --key-file holds more than a key")
        return key


def _not_empty(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """An empty URL, as from a variable that is not set, must not lead to Deepgram's own."""
    if value == "":
        raise click.BadParameter("it is empty", context, option)
    return value


def service_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a service; the command gets them as ``service``."""

    @click.option("--emulator", is_flag=True, help="Use an offline emulator instead: no key, no network.")
    @click.option(
        "--base-url",
        metavar="URL",
        callback=_not_empty,
        help=f"Where the service is (default: {DEFAULT_BASE_URL}).",
    )
    @click.option(
        "--key-file",
        type=FILE,
        help=f"File with the API key, - for standard input (default: the variable {_VARIABLE}).",
    )
    @functools.wraps(command)
    def with_service(*, emulator: bool, base_url: str | None, key_file: Path | None, **rest: Any) -> Any:
        return command(service=Service(emulator, base_url, key_file), **rest)

    return with_service
