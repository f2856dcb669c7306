"""Memory of a server process: returns freed memory to the system, and shortens garbage collection.

glibc cannot return freed memory below a block that is still in use. With many calls there is always such a
block, as each call keeps audio until the service has answered it. After some minutes the free pages between
these blocks take as much memory as the calls.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["Trimming", "collect_seldom", "return_large_pieces"]

_EVERY_S: Final = 10.0
_SHARE: Final = 0.001
"""The largest share of time spent on trimming, which blocks the event loop."""

_OBJECTS_PER_CALL: Final = 270  # that the garbage collector visits
_KEPT: Final = 2

_M_MMAP_THRESHOLD: Final = -3  # of malloc.h
_LARGE_BYTES: Final = 32 * 1024


def collect_seldom(calls: int) -> None:
    """Make full garbage collections rare and short, for the life of the process. Runs one first.

    A full collection blocks all calls: with 1,000 calls, for 0.15 to 0.3 s (AMD EPYC, CPython 3.11). All that
    exists now is excluded, as some 70,000 objects of modules never become garbage. After that a collection is
    due when so many objects were made as twice as many calls have as the server takes. Ended calls leave some
    30 KiB each until then, or until the server is without calls.

    Args:
        calls: The most calls at once.
    """
    gc.collect()
    gc.freeze()
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, max(full, _KEPT * calls * _OBJECTS_PER_CALL // (young * middle)))


def return_large_pieces() -> None:
    """Return blocks of 32 KiB and more to the system as soon as they are freed, where the C library can.

    By default glibc raises this threshold, up to 32 MiB, whenever such a block is freed. Large blocks, such
    as the silence that ends turns, would then lie between blocks in use.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class Trimming:
    """Returns freed memory to the system from time to time, where the C library can.

    While there are no calls, garbage is collected first.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_s = clock() + _EVERY_S
        self._trim = _malloc_trim()

    def tick(self, *, is_idle: bool) -> None:
        """Trim if it is due. Call this often; trimming blocks."""
        began_s = self._clock()
        if began_s < self._due_s:
            return
        if is_idle:
            gc.collect()
        self._trim(0)
        now_s = self._clock()
        self._due_s = now_s + max(_EVERY_S, (now_s - began_s) / _SHARE)


def _malloc_trim() -> Callable[[int], int]:
    """glibc's ``malloc_trim``; with other C libraries, nothing."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda _: 0
    return found
