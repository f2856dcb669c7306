"""The command line: ``speechwire --help``. Needs the extra ``cli`` (click and rich)."""

from speechwire.cli._main import main

__all__ = ["main"]
