"""The entry point: it imports nothing that may be missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from speechwire.cli._interrupt import deadly_interrupts
from speechwire.cli._streams import open_closed_streams

__all__ = ["main"]

_EXTRA = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Without the program's name; ``None`` takes those of the process.

    Returns:
        The exit code: 0, 1 for a failure, 2 for wrong usage or an input that cannot be read, 3 if the service
        refused or cannot be reached, 129 after SIGHUP, 130 after Ctrl-C, 143 after SIGTERM.
    """
    open_closed_streams()
    with deadly_interrupts():
        missing = next((name for name in _EXTRA if not _importable(name)), None)
        application = None if missing else importlib.import_module("speechwire.cli._application")
    if application is None:
        print(
            f"speechwire: the command line needs {missing}, which is not installed:"
            ' pip install "speechwire[cli]"',
            file=sys.stderr,
        )
        return 1
    return int(application.run(arguments))


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
