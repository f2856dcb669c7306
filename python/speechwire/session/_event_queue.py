"""Events on their way to one consumer, bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from speechwire.session.events import EventsDropped

__all__ = ["EventQueue"]

E = TypeVar("E")

_Cell = list[E | None]  # emptied when its event is dropped


class EventQueue(Generic[E]):
    """A FIFO that never blocks its producer, in constant time per event.

    When it is full the oldest interim event is dropped; without one, the oldest event. What was dropped is
    counted and reported in its place in the stream.

    Args:
        limit: Most events kept.
        is_interim: Whether a later event replaces this one.
    """

    def __init__(self, limit: int, is_interim: Callable[[E], bool]) -> None:
        self._limit = limit
        self._is_interim = is_interim
        self._cells: deque[_Cell[E]] = deque()
        self._interim: deque[_Cell[E]] = deque()
        self._count = 0
        self._unreported = 0
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, event: E) -> None:
        """Append an event; after :meth:`end` it is ignored."""
        if self._ended:
            return
        if self._count >= self._limit:
            self._make_room()
        cell: _Cell[E] = [event]
        self._cells.append(cell)
        self._count += 1
        if self._is_interim(event):
            self._interim.append(cell)
        self._wake()

    def end(self, error: BaseException | None = None) -> None:
        """No event will follow: the consumer gets what is left, then the end or ``error``."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    async def get(self) -> E | EventsDropped:
        """Wait for the next event.

        Raises:
            RuntimeError: Another task waits already; a queue has one consumer.
            StopAsyncIteration: There is none and none will come.
            SpeechwireError: The same, and this is why; raised once.
        """
        while not self._count:
            if self._ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            await self._arrival()
        if self._unreported:
            count, self._unreported = self._unreported, 0
            return EventsDropped(count=count)
        return self._next()

    def _next(self) -> E:
        while True:
            cell = self._cells.popleft()
            event, cell[0] = cell[0], None
            while self._interim and self._interim[0][0] is None:
                self._interim.popleft()
            if event is not None:
                self._count -= 1
                return event

    async def _arrival(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("another task is already waiting for this session's events: read them in one")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _make_room(self) -> None:
        if self._interim:
            self._interim.popleft()[0] = None
            self._count -= 1
            if len(self._cells) > 2 * self._limit:
                self._cells = deque(cell for cell in self._cells if cell[0] is not None)
        else:
            self._next()
        self._unreported += 1
