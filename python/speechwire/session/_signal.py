"""Wakes the tasks that wait at that moment; costs almost nothing when none waits."""

from __future__ import annotations

import asyncio

__all__ = ["Signal"]


class Signal:
    """A condition without a lock. It keeps no state, so check the condition before each wait."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def notify(self) -> None:
        """Wake all that wait."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the next :meth:`notify`, at most `timeout_s` seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout_s)
        finally:
            if waiter in self._waiters:  # cancelled
                self._waiters.remove(waiter)
