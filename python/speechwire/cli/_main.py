"""The entry point, before anything that may be missing is imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Without the program's name; ``None`` takes those of the process.

    Returns:
        The exit code: 0, 1 for a failure, 2 for wrong usage, 3 if the service refused or cannot be reached,
        130 after Ctrl-C.
    """
    try:
        application = importlib.import_module("speechwire.cli._application")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        print(
            f"speechwire: the command line needs {error.name}, which is not installed:"
            ' pip install "videosdk-plugins-deepgram[cli]"',
            file=sys.stderr,
        )
        return 1
    return int(application.run(arguments))
