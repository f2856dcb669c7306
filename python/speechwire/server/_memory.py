"""Memory of a serving process: what is loaded is kept, and what was freed goes back to the system.

glibc keeps it where something that is in use lies behind it, as it always does between many calls: each keeps
audio until it is answered, and after some minutes the pages between come to as much as the calls.
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
"""Of the time; nothing else runs meanwhile."""

_M_MMAP_THRESHOLD: Final = -3  # of malloc.h
_LARGE_BYTES: Final = 32 * 1024


def keep_what_is_loaded() -> None:
    """Have the garbage collector leave alone what is loaded by now, for as long as the process lives.

    Each of its full collections stops all calls, and looks through some 70,000 objects of modules that never
    become garbage: as many as 260 calls have.
    """
    gc.collect()
    gc.freeze()


def return_large_pieces() -> None:
    """Have memory of long messages go back to the system as soon as it is free, where the C library can.

    glibc raises its bound for that with each one, up to 32 MiB: then the silence that ends turns lies
    between what is in use.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class Trimming:
    """Returns it from time to time, where the C library can.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due_s = clock() + _EVERY_S
        self._trim = _malloc_trim()

    def tick(self) -> None:
        """Some time has passed."""
        began_s = self._clock()
        if self._trim is None or began_s < self._due_s:
            return
        self._trim(0)
        now_s = self._clock()
        self._due_s = now_s + max(_EVERY_S, (now_s - began_s) / _SHARE)


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's; ``None`` with other C libraries."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
