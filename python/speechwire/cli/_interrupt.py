"""Signals that end a command: Ctrl-C while modules are being imported, SIGTERM and SIGHUP at any time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ENDING", "Termination", "deadly_interrupts"]

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that ask a command to end."""


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

    So does SIGHUP, which comes when a terminal is closed.

    Attributes:
        came: The signal that came.
    """

    def __init__(self) -> None:
        self.came: signal.Signals | None = None
        self._taken: list[signal.Signals] = []

    def __enter__(self) -> Termination:
        if _ours():
            self._taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
        for number in self._taken:
            signal.signal(number, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)

    def _end(self, number: int, _: object) -> None:
        self.came = self.came or signal.Signals(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if interrupt is signal.SIG_DFL:  # while modules are being imported
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if interrupt is signal.SIG_IGN:  # as under nohup
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)


def _ours() -> bool:
    """Whether this thread may set signal handlers."""
    return threading.current_thread() is threading.main_thread()
