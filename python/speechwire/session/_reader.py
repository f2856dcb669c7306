"""One reading task: it waits for the next item, or takes it within the call that brings it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Reader"]

T = TypeVar("T")


class Reader(Generic[T]):
    """One task that waits for items. The owner keeps the items: check for one before each wait."""

    __slots__ = ("_take", "_waiter")

    def __init__(self) -> None:
        self._take: Callable[[T], bool] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, item: T) -> bool:
        """Pass an item to the waiting task's ``take``, within this call. Return false if none waits.

        An exception of ``take`` is raised in the waiting task. While ``take`` runs, and after it has returned
        false, this returns false.
        """
        take, waiter = self._take, self._waiter
        if take is None or waiter is None or waiter.done():
            return False
        self._take = None
        more = False
        try:
            more = take(item)
        except Exception as error:
            if waiter.done():
                raise
            waiter.set_exception(error)
        finally:
            if more:
                self._take = take
            else:
                self.wake()
        return True

    def wake(self) -> None:
        """Wake the waiting task."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self, take: Callable[[T], bool] | None = None) -> bool:
        """Wait for :meth:`wake`; meanwhile :meth:`offer` calls ``take``.

        Returns:
            False once ``take`` has returned false.

        Raises:
            RuntimeError: Another task waits already.
        """
        if self._waiter is not None:
            raise RuntimeError("another task is already waiting for what comes here: read it in one task")
        self._waiter = asyncio.get_running_loop().create_future()
        self._take = take
        try:
            await self._waiter
            return take is None or self._take is not None
        finally:
            self._waiter = self._take = None
