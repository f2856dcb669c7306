"""One timer for everything that is due later."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

__all__ = ["Wheel"]


class Wheel:
    """Calls are kept by the tick in which they are due; one sleep per tick serves them all.

    Args:
        tick_s: How exact it is.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._now = 0
        self._slots: defaultdict[int, list[tuple[Callable[..., None], Any]]] = defaultdict(list)

    def later(self, delay_s: float, call: Callable[..., None], argument: Any) -> None:
        """Call ``call(argument)`` after about ``delay_s``."""
        self._slots[self._now + max(1, round(delay_s / self._tick_s))].append((call, argument))

    async def turn(self) -> None:
        """Run until cancelled."""
        start = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, start + (self._now + 1) * self._tick_s - time.monotonic()))
            self._now += 1
            for call, argument in self._slots.pop(self._now, ()):
                call(argument)
