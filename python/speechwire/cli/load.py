"""``speechwire load``: calls a server many times at once and reports the result."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from socket import gaierror
from urllib.parse import urlsplit

import click
from rich.table import Table

from speechwire.cli._arguments import FILE, verbosity_options
from speechwire.cli._display import Bar, Display, Verbosity, console
from speechwire.cli._failures import FAILED, OutputError, UnreachableError
from speechwire.cli._files import try_output
from speechwire.load import DIALECTS, MOST_CALLS, MOST_SECONDS, Load, Result, picture
from speechwire.load.result import Moment, Spread

__all__ = ["load"]

_TOKEN = "SPEECHWIRE_LOAD_TOKEN"
_NO_CONNECTION = {each.__name__ for each in (ConnectionRefusedError, gaierror, OSError)}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command(
    short_help="Call a server many times at once.",
    epilog="\b\nExample:\n  speechwire load http://127.0.0.1:8080 --calls 100 --calls 200 --seconds 20",
)
@click.argument("url")
@click.option("--dialect", type=click.Choice(tuple(DIALECTS)), default="twilio", show_default=True)
@click.option(
    "--calls",
    type=click.IntRange(1, MOST_CALLS),
    multiple=True,
    default=(10,),
    show_default=True,
    help="Calls at once. Repeatable: one run after the other.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, MOST_SECONDS),
    default=10.0,
    show_default=True,
    help="How long they talk after all have connected.",
)
@click.option(
    "--per-second",
    type=click.FloatRange(0.1, 1000),
    default=50.0,
    show_default=True,
    help="New calls a second.",
)
@click.option("--picture", "file", type=FILE, help="Write an SVG.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of the table.")
@click.option("--allow-remote", is_flag=True, help="Permit a server on another machine.")
@verbosity_options
def load(
    url: str,
    dialect: str,
    calls: tuple[int, ...],
    seconds: float,
    per_second: float,
    file: Path | None,
    as_json: bool,
    allow_remote: bool,
    verbosity: Verbosity,
) -> int:
    """Call the server at URL many times at once, talk at real pace, and count the results.

    Callers say numbers. With `speechwire emulator --engine tagged` behind the server, which hears them, every
    word that was lost or understood twice is counted. A token, if the server wants one, is taken from the
    variable SPEECHWIRE_LOAD_TOKEN.

    The exit code is 1 if a call that was taken was ended by the server, or a word was lost or came twice.
    Refused calls are counted and are no failure.
    """
    _check(url, allow_remote)
    if file is not None:
        try_output(file)
    results: list[Result] = []
    with Display("load", verbosity) as display:
        for count in calls:
            results.append(asyncio.run(_one(url, dialect, count, seconds, per_second, display)))
    _expect_a_server(url, results)
    if as_json:
        click.echo(json.dumps([result.as_dict() for result in results], indent=1))
    elif verbosity is not Verbosity.QUIET:
        console(sys.stdout).print(_table(results))
    if file is not None:
        _write(file, picture(results))
    return 0 if all(result.answered and result.is_whole for result in results) else FAILED


def _check(url: str, allow_remote: bool) -> None:
    """Raise UsageError if it is no URL, or another machine's without permission."""
    try:
        host = urlsplit(url).hostname if "://" in url else None
    except ValueError:
        host = None
    if host is None:
        raise click.UsageError(f"{url} is no URL; give the server's, such as http://127.0.0.1:8080")
    if not allow_remote and host not in _LOOPBACK:
        raise click.UsageError(f"{url} is not on this machine: --allow-remote permits it")


def _expect_a_server(url: str, results: list[Result]) -> None:
    """Raise UnreachableError if not one connection could be made."""
    reasons = {reason for result in results for reason in result.refused}
    if not any(result.answered for result in results) and reasons <= _NO_CONNECTION:
        why = ", ".join(sorted(reasons))
        raise UnreachableError(
            f"{url}: no connection could be made ({why}); is `speechwire serve` running there?"
        )


async def _one(
    url: str, dialect: str, calls: int, seconds: float, per_second: float, display: Display
) -> Result:
    with display.bar(f"{calls} calls", seconds + calls / per_second) as bar:

        def progress(moment: Moment) -> None:
            _show(bar, moment)

        return await Load(
            url,
            dialect=dialect,
            calls=calls,
            seconds=seconds,
            per_second=per_second,
            token=os.environ.get(_TOKEN, ""),
            progress=progress,
        ).run()


def _show(bar: Bar, moment: Moment) -> None:
    bar.reach(moment.at_s)
    bar.caption(f"{moment.calls} on, {1000 * moment.late_s:.0f} ms late here")


def _table(results: list[Result]) -> Table:
    table = Table("calls", "refused", "ended", title=f"dialect {results[0].dialect}", title_justify="left")
    for name in ("words lost", "twice", "turn p50 ms", "p99", "most", "late here p99 ms"):
        table.add_column(name, justify="right")
    for result in results:
        counted = result.is_counted
        table.add_row(
            f"{result.answered} of {result.calls}",
            _counts(result.refused),
            _counts(result.ended),
            f"{result.lost} of {result.words}" if counted else "not counted",
            str(result.twice) if counted else "",
            *_turns(result.turn),
            f"{result.late.p99:.1f}",
        )
    return table


def _turns(turn: Spread) -> list[str]:
    values = (turn.p50, turn.p99, turn.most)
    return [f"{value:.0f}" if turn.count else "-" for value in values]  # without turns there are no delays


def _counts(counter: dict[str, int]) -> str:
    return ", ".join(f"{count} ({name})" for name, count in sorted(counter.items())) or "0"


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file}: {error.strerror}") from error
