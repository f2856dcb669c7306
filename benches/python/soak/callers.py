"""Those who are listened to: call after call, a frame at each tick."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from benches.python.soak.ledger import CallAccount, Ledger
from benches.python.soak.lines import Line
from benches.python.soak.units import FRAMES_PER_UNIT, LEVELS, UNIT_S, frame

__all__ = ["ListenCaller"]

_HANG_UP_S = 60.0


class ListenCaller:
    """Speaks units into a line, hangs up, accounts for the call, and calls again.

    Args:
        open_line: Makes the line of one call.
        ledger: Where it counts.
        name: For complaints, and the seed of what is random.
        call_s: Mean length of a call.
        stopping: Set when calls shall end at their next unit.
    """

    def __init__(
        self,
        open_line: Callable[[CallAccount], Line],
        ledger: Ledger,
        name: str,
        call_s: float,
        stopping: asyncio.Event,
    ) -> None:
        self._open_line = open_line
        self._ledger = ledger
        self._name = name
        self._call_s = call_s
        self._stopping = stopping
        self._random = random.Random(name)
        self._line: Line | None = None
        self._said = asyncio.Event()
        self._unit = self._end = 0
        self._frame, self._repeats = b"", 0
        self._calls = 0

    async def run(self) -> None:
        """Call until told to stop."""
        while not self._stopping.is_set():
            await self._call()

    async def tick(self) -> None:
        """Say the next 20 ms."""
        if self._line is None:
            return
        if self._repeats == 0:
            if self._unit >= self._end or self._stopping.is_set():
                self._line = None
                self._said.set()
                return
            self._frame, self._repeats = frame(self._unit), FRAMES_PER_UNIT
            self._unit += 1
        self._repeats -= 1
        await self._line.push(self._frame)

    async def _call(self) -> None:
        first = self._unit = self._random.randrange(LEVELS)
        self._end = first + round(self._call_s * self._random.uniform(0.5, 1.5) / UNIT_S)
        self._calls += 1
        account = CallAccount(self._ledger, f"{self._name}, call {self._calls}", first)
        self._said.clear()
        line = self._line = self._open_line(account)
        await self._said.wait()
        await self._hang_up(line, account)
        account.close(self._unit)

    async def _hang_up(self, line: Line, account: CallAccount) -> None:
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_HANG_UP_S):
                await line.hang_up()
        except TimeoutError as error:
            account.failed(error)
        took_s = asyncio.get_running_loop().time() - began_s
        self._ledger.slowest_end_s = max(self._ledger.slowest_end_s, took_s)
