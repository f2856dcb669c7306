"""``speechwire emulator``: runs the emulator's own command line."""

from __future__ import annotations

import click

from speechwire.emulator.cli import main

__all__ = ["emulator"]

_EXAMPLE = "\nExample:\n  speechwire emulator --port 0 --engine offline"


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Serve a Deepgram on your own machine.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def emulator(arguments: tuple[str, ...]) -> int:
    """Serve a Deepgram on your own machine, until interrupted."""
    try:
        return main(arguments)
    except SystemExit as end:  # after --help, or wrong usage that has been reported
        if not end.code:
            click.echo(_EXAMPLE)
        return end.code if isinstance(end.code, int) else 0
