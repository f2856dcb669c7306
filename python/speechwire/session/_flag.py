"""A flag to wait for."""

from __future__ import annotations

import asyncio

__all__ = ["Flag"]


class Flag:
    """A smaller ``asyncio.Event``, which takes 0.8 KiB even if nobody waits."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[asyncio.Future[None]] = []

    def set(self) -> None:
        """Raise it, and wake all that wait."""
        if not self._is_set:
            self._is_set = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def clear(self) -> None:
        """Lower it."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is raised; return at once if it is."""
        if self._is_set:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)
