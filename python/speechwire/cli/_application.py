"""The group of commands, and the handling of their errors."""

from __future__ import annotations

import difflib
import importlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from speechwire import __version__
from speechwire.cli._failures import (
    EXIT_CODES,
    EXPECTED,
    FAILED,
    HUNG_UP,
    INTERRUPTED,
    TERMINATED,
    exit_code,
    one_line,
    printable,
)
from speechwire.cli._interrupt import ENDING, Termination, deadly_interrupts

__all__ = ["run"]

_COMMANDS = ("transcribe", "speak", "convert", "serve", "load", "emulator", "bench", "doctor")

_EPILOG = "\n\n".join(
    [
        "\b\nExamples:\n  speechwire speak 'Please book a table for two.' -o call.wav --emulator"
        "\n  speechwire transcribe call.wav --emulator",
        "\b\nExit codes:\n" + "\n".join(f"  {code:<3}  {words}" for code, words in EXIT_CODES.items()),
    ]
)


_ENDS: dict[signal.Signals | None, tuple[int, str]] = {
    None: (INTERRUPTED, "interrupted"),
    **dict(zip(ENDING, [(TERMINATED, "terminated"), (HUNG_UP, "hung up")], strict=False)),
}
"""What a signal makes of a command: its exit code, and what it says."""


class _Interrupted(BaseException):
    """Replaces KeyboardInterrupt, to which click would add an empty line."""


class _Commands(click.Group):
    """Imports a command when it is asked for: ``convert`` need not wait for an HTTP client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        with deadly_interrupts():
            command = getattr(importlib.import_module(f"speechwire.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in _COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        like = difflib.get_close_matches(name, _COMMANDS, 1)
        way_out = f"did you mean {like[0]}?" if like else f"there are {', '.join(_COMMANDS)}"
        raise click.UsageError(f"No such command '{name}'; {way_out}", ctx)

    def invoke(self, ctx: click.Context) -> int:
        try:
            result = super().invoke(ctx)
        except BrokenPipeError:
            raise
        except KeyboardInterrupt:
            raise _Interrupted from None
        except EXPECTED as error:
            return _report(error, f"speechwire {ctx.invoked_subcommand}")
        return result if isinstance(result, int) else 0


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="speechwire", message="%(prog)s %(version)s")
@click.pass_context
def _speechwire(ctx: click.Context) -> None:
    """Real-time speech with Deepgram: transcribe, speak, convert, and a Deepgram of your own.

    The API key comes from DEEPGRAM_API_KEY or from a --key-file, never from an argument.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every failure becomes one line on standard error and an exit code."""
    # Commands report what sessions log in their own words.
    logging.getLogger("speechwire").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # do not fail on a character that the encoding lacks
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else list(arguments)
    with Termination() as termination:
        try:
            return _run(given)
        except (click.Abort, KeyboardInterrupt, _Interrupted):
            code, words = _ENDS[termination.came]
            with suppress(OSError):  # of a terminal that was closed
                if sys.stderr.isatty():
                    click.echo(err=True)  # behind the ^C that the terminal shows
                click.echo(f"speechwire: {words}", err=True)
            return code


def _run(given: list[str]) -> int:
    try:
        result = _speechwire.main(args=given, prog_name="speechwire", standalone_mode=False)
        _flush_output(failed=bool(result))
    except BrokenPipeError:  # `speechwire ... | head`: not a fault, but the work is incomplete
        _let_go_of_output()
        return FAILED
    except OSError as error:
        _let_go_of_output()
        return _report(error)
    except click.ClickException as error:
        return _report(error)
    except click.Abort:
        raise
    except Exception as defect:
        return _confess(defect, verbose=bool({"-v", "--verbose"} & set(given)))
    return int(result or 0)


def _report(error: Exception, command: str = "speechwire") -> int:
    context = getattr(error, "ctx", None)
    click.echo(f"{context.command_path if context else command}: {one_line(error)}", err=True)
    return exit_code(error)


def _confess(defect: Exception, *, verbose: bool) -> int:
    """Report an unexpected error on one line, which says that it is a defect of speechwire."""
    if verbose:
        traceback.print_exception(defect)
    words = printable(f"{type(defect).__name__}: {defect}")
    click.echo(f"speechwire: a defect of speechwire, -v shows where: {words}", err=True)
    return FAILED


def _flush_output(*, failed: bool) -> None:
    try:
        sys.stdout.flush()
    except OSError:
        if not failed:
            raise
        _let_go_of_output()  # the failure has been reported, perhaps this very one


def _let_go_of_output() -> None:
    """Replace standard output that cannot be written, so that Python's flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
