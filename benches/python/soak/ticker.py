"""One clock for all streams: a frame of each every 20 ms, spread over the 20 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from benches.python.soak.units import FRAME_MS

SLOTS: Final = 4

_MOST_S: Final = 1.0

Tick = Callable[[], Awaitable[None]]


class Ticker:
    """Calls every stream each 20 ms on an absolute schedule, and catches up what is late.

    On a machine that does not let the process run for longer than a second the callers pause: nobody speaks
    faster because the machine is busy.

    Attributes:
        lag_s: The greatest lateness since it was last set to 0.
        paused_s: For how long callers paused, in all.
    """

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.paused_s = 0.0
        self._slots: list[list[Tick]] = [[] for _ in range(SLOTS)]
        self._next = 0

    def add(self, tick: Tick) -> None:
        """Call this from now on."""
        self._slots[self._next % SLOTS].append(tick)
        self._next += 1

    async def run(self) -> None:
        """Tick until cancelled."""
        loop, step_s = asyncio.get_running_loop(), FRAME_MS / 1000 / SLOTS
        due_s = loop.time()
        while True:
            for slot in self._slots:
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                due_s += self._pause(loop.time() - due_s) + step_s
                for tick in slot:
                    await tick()

    def _pause(self, late_s: float) -> float:
        """By how much to put the schedule off."""
        self.lag_s = max(self.lag_s, late_s)
        pause_s = late_s if late_s > _MOST_S else 0.0
        self.paused_s += pause_s
        return pause_s
