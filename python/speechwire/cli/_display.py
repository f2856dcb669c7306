"""What a terminal shows while a command works. Without a terminal: nothing but results and notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

__all__ = ["Bar", "Display"]

_BAR_CHARACTERS = 20
_CLOCK_CHARACTERS = 12
_SHORTEST_CAPTION = 12
_REFRESH_HZ = 10


@dataclass(slots=True, eq=False)
class Bar:
    """One line of progress, in seconds of audio.

    Args:
        name: Of the file.
        total_s: ``None`` only shows that something goes on.
        done_s: So much is done.
        text: Shown beside the bar: its end, if it is long.
    """

    name: str
    total_s: float | None
    done_s: float = 0.0
    text: str = ""

    def reach(self, seconds: float) -> None:
        """So much is done."""
        self.done_s = seconds

    def caption(self, text: str) -> None:
        """Show a text beside the bar."""
        self.text = text


class Display:
    """Progress on standard error if that is a terminal; results on standard output, notes on the former."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars: list[Bar] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @contextmanager
    def bar(self, name: str, total_s: float | None) -> Iterator[Bar]:
        """Show a line for as long as the block lasts."""
        bar = Bar(click.format_filename(name), total_s)
        self._bars.append(bar)
        self._start()
        try:
            yield bar
        finally:
            self._bars.remove(bar)
            if not self._bars:
                self._stop()

    def result(self, text: str) -> None:
        """Print to standard output; whole lines."""
        with self._paused():
            click.echo(text, nl=False)

    def note(self, text: str) -> None:
        """Print a line to standard error."""
        with self._paused():
            click.echo(text, err=True)

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """The bars must not share a terminal's line with anything else."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        if self._bars and self._live is None and self._console.is_interactive:
            # A new one each time: one that was stopped remembers its lines, and would draw over the results.
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


def _cells(bar: Bar, room: int) -> tuple[Text, ProgressBar, Text, Text]:
    line = ProgressBar(bar.total_s or 1.0, bar.done_s, width=_BAR_CHARACTERS, pulse=bar.total_s is None)
    caption = bar.text if len(bar.text) <= room else "…" + bar.text[1 - room :]
    return Text(bar.name), line, Text(f"{bar.done_s:.0f} s"), Text(caption)
