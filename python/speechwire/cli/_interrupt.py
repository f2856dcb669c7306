"""Signals that end a command: Ctrl-C while modules are being imported, and SIGTERM at any time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Termination", "deadly_interrupts"]


@contextmanager
def deadly_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process at once, by the signal itself.

    There is nothing to clean up before a command runs. A KeyboardInterrupt out of an import would be a long
    traceback, and Python loses one that is raised in a callback of the import system.
    """
    if not _ours() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Termination:
    """Makes SIGTERM end a command as Ctrl-C does: with what is there kept, and nothing half-done left.

    Attributes:
        came: Whether the signal came.
    """

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> Termination:
        self._before = signal.getsignal(signal.SIGTERM) if _ours() else None
        if self._before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _end(self, *_: object) -> None:
        self.came = True
        interrupt = signal.getsignal(signal.SIGINT)
        if interrupt is signal.SIG_DFL:  # while modules are being imported
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)
        if interrupt is signal.SIG_IGN:  # as under nohup
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)


def _ours() -> bool:
    """Whether this thread may set signal handlers."""
    return threading.current_thread() is threading.main_thread()
