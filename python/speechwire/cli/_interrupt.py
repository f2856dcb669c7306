"""Ctrl-C while modules are being imported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["deadly_interrupts"]


@contextmanager
def deadly_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process at once, by the signal itself.

    There is nothing to clean up before a command runs. A KeyboardInterrupt out of an import would be a long
    traceback, and Python loses one that is raised in a callback of the import system.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
