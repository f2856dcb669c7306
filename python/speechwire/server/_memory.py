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

__all__ = ["Trimming", "keep_what_is_loaded", "return_large_pieces"]

_EVERY_S: Final = 10.0
_SHARE: Final = 0.001
"""The largest share of time spent on trimming, which blocks the event loop."""

_M_MMAP_THRESHOLD: Final = -3  # of malloc.h
_LARGE_BYTES: Final = 32 * 1024


def keep_what_is_loaded() -> None:
    """Exclude all objects that exist now from garbage collection, for the life of the process.

    A full collection blocks all calls. It would visit some 70,000 objects of modules, which never become
    garbage and are as many as 260 calls have. Runs one full collection first.
    """
    gc.collect()
    gc.freeze()


def return_large_pieces() -> None:
    """Return blocks of 32 KiB and more to the system as soon as they are freed, where the C library can.

    By default glibc raises this threshold, up to 32 MiB, whenever such a block is freed. Large blocks, such
    as the silence that ends turns, would then lie between blocks in use.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class Trimming:
    """Returns freed memory to the system from time to time, where the C library can.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_s = clock() + _EVERY_S
        self._trim = _malloc_trim()

    def tick(self) -> None:
        """Trim if it is due. Call this often; trimming blocks."""
        began_s = self._clock()
        if self._trim is None or began_s < self._due_s:
            return
        self._trim(0)
        now_s = self._clock()
        self._due_s = now_s + max(_EVERY_S, (now_s - began_s) / _SHARE)


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``; ``None`` with other C libraries."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
