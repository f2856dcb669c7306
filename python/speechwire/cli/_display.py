"""What a terminal shows while a command works. Without a terminal: nothing but results and notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

__all__ = ["Bar", "Display"]

_CAPTION_CHARACTERS = 60


class Bar:
    """One line of progress, in seconds of audio."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def reach(self, seconds: float) -> None:
        """So much is done."""
        self._progress.update(self._task, completed=seconds, clock=f"{seconds:.0f} s")

    def caption(self, text: str) -> None:
        """Show the end of a text beside the bar."""
        tail = text if len(text) <= _CAPTION_CHARACTERS else "…" + text[1 - _CAPTION_CHARACTERS :]
        self._progress.update(self._task, caption=tail)

    def remove(self) -> None:
        """Take the line away."""
        self._progress.remove_task(self._task)


class Display:
    """Progress on standard error if that is a terminal; results on standard output, notes on the former."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._live = console.is_interactive
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[caption]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def bar(self, name: str, total_s: float | None) -> Bar:
        """Add a line; without a total it only shows that something goes on."""
        return Bar(self._progress, self._progress.add_task(name, total=total_s, clock="", caption=""))

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
        if self._live:
            self._progress.start()

    def _stop(self) -> None:
        if self._live:
            self._progress.stop()
