"""Shows progress on a terminal while a command works. Without a terminal, only results and notes."""

from __future__ import annotations

import enum
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TextIO

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from speechwire.cli._failures import printable

__all__ = ["Bar", "Display", "Verbosity", "console", "is_coloured"]

_BAR_CHARACTERS = 20
_CLOCK_CHARACTERS = 16
_SHORTEST_CAPTION = 12
_REFRESH_HZ = 10


class Verbosity(enum.IntEnum):
    """How much is said beside results and errors."""

    QUIET = 0
    """Nothing."""
    NORMAL = 1
    """What a user should know."""
    VERBOSE = 2
    """What happens."""


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour what goes there: to a terminal that can, unless the environment has NO_COLOR."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def console(stream: TextIO) -> Console:
    """A console that follows the same rule."""
    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,
        force_interactive=terminal and os.environ.get("TERM") != "dumb",
        no_color=not is_coloured(stream),
        highlight=False,
    )


@dataclass(slots=True, eq=False)
class Bar:
    """One line of progress.

    Args:
        name: Of the file.
        total: In the unit of `done`; ``None`` only shows that something goes on.
        done: So much is done.
        clock: How far it is, in words; by default seconds.
        text: Shown beside the bar: its end, if it is long.
    """

    name: str
    total: float | None
    done: float = 0.0
    clock: str = ""
    text: str = ""

    def reach(self, done: float, clock: str | None = None) -> None:
        """So much is done."""
        self.done = done
        self.clock = _seconds(done, self.total) if clock is None else clock

    def caption(self, text: str) -> None:
        """Show a text beside the bar."""
        self.text = printable(text)


class Display:
    """Progress on standard error if that is a terminal; results on standard output, notes on the former.

    Args:
        command: Begins each note.
        verbosity: How much to say.
    """

    def __init__(self, command: str, verbosity: Verbosity = Verbosity.NORMAL) -> None:
        self._command = command
        self._verbosity = verbosity
        self._console = console(sys.stderr)
        self._bars: list[Bar] = []
        self._live: Live | None = None
        self._log = _LogLines(self)

    def __enter__(self) -> Self:
        if self._verbosity is Verbosity.VERBOSE:
            _logger.setLevel(logging.INFO)
            _logger.addHandler(self._log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._verbosity is Verbosity.VERBOSE:
            _logger.removeHandler(self._log)
            _logger.setLevel(logging.NOTSET)
        self._stop()

    @property
    def shows_bars(self) -> bool:
        """Whether bars are seen: there is a terminal, and it is not to be quiet."""
        return self._console.is_interactive and self._verbosity is not Verbosity.QUIET

    @contextmanager
    def bar(self, name: str, total: float | None) -> Iterator[Bar]:
        """Show a line for as long as the block lasts."""
        bar = Bar(printable(name), total)
        self._bars.append(bar)
        self._start()
        try:
            yield bar
        finally:
            self._bars.remove(bar)
            if not self._bars:
                self._stop()

    def result(self, text: str) -> None:
        """Print to standard output; whole lines, at once."""
        with self._paused():
            click.echo(text, nl=False)

    def error(self, text: str) -> None:
        """Print a line to standard error: what went wrong."""
        with self._paused():
            click.echo(f"speechwire {self._command}: {printable(text)}", err=True)

    def note(self, text: str) -> None:
        """Print a line to standard error: what a user should know."""
        if self._verbosity >= Verbosity.NORMAL:
            self.error(text)

    def detail(self, text: str) -> None:
        """Print a line to standard error: what happens."""
        if self._verbosity >= Verbosity.VERBOSE:
            self.error(text)

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """The bars must not share a terminal's line with anything else."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        if self._bars and self._live is None and self.shows_bars:
            # A new one each time: a stopped one would draw over the results, as it remembers its lines.
            self._live = Live(
                get_renderable=self._lines,
                console=self._console,
                transient=True,
                refresh_per_second=_REFRESH_HZ,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _lines(self) -> Table:
        """The bars, no more of them than the terminal has lines."""
        grid = Table.grid(padding=(0, 1), expand=True)
        for ratio in (None, None, None, 1):
            grid.add_column(ratio=ratio, no_wrap=True)
        shown = self._bars[: max(1, self._console.height - 2)]
        names = max((len(bar.name) for bar in shown), default=0)
        room = self._console.width - names - _BAR_CHARACTERS - _CLOCK_CHARACTERS
        for bar in shown:
            grid.add_row(*_cells(bar, max(room, _SHORTEST_CAPTION)))
        if len(self._bars) > len(shown):
            grid.add_row(Text(f"and {len(self._bars) - len(shown)} more"))
        return grid


_logger = logging.getLogger("speechwire")


class _LogLines(logging.Handler):
    """What sessions log, as details."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.detail(record.getMessage())


def _cells(bar: Bar, room: int) -> tuple[Text, ProgressBar, Text, Text]:
    line = ProgressBar(bar.total or 1.0, bar.done, width=_BAR_CHARACTERS, pulse=bar.total is None)
    caption = bar.text if len(bar.text) <= room else "…" + bar.text[1 - room :]
    return Text(bar.name), line, Text(bar.clock or _seconds(bar.done, bar.total)), Text(caption)


def _seconds(done_s: float, total_s: float | None) -> str:
    return f"{done_s:.0f} s" if total_s is None else f"{done_s:.0f} of {total_s:.0f} s"
