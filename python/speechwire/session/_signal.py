"""Wakes whoever waits at that moment; costs next to nothing when nobody does."""

from __future__ import annotations

import asyncio

__all__ = ["Signal"]


class Signal:
    """A condition without a lock: it remembers nothing, so look at the state before each wait."""

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
        """Until the next :meth:`notify`, or so long."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await asyncio.wait((waiter,), timeout=timeout_s)
        finally:
            if waiter in self._waiters:  # cancelled
                self._waiters.remove(waiter)
