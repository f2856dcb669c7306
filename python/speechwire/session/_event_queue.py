"""A bounded queue of events for one consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from speechwire.session._reader import Reader
from speechwire.session.events import EventsDropped

__all__ = ["EventQueue"]

E = TypeVar("E")

_Cell = list[E | None]  # emptied when its event is dropped


class EventQueue(Generic[E]):
    """A FIFO that never blocks its producer, in constant time per event.

    A full queue drops the oldest interim event or, without one, the oldest event. The next event read is then
    an `EventsDropped` with the number of dropped events.

    Args:
        limit: The most events kept.
        is_interim: Returns whether a later event replaces an event.
    """

    def __init__(self, limit: int, is_interim: Callable[[E], bool]) -> None:
        self._limit = limit
        self._is_interim = is_interim
        self._cells: deque[_Cell[E]] | None = None  # an empty deque takes 0.7 KiB, and most are empty
        self._interim: deque[_Cell[E]] | None = None
        self._count = 0
        self._unreported = 0
        self._ended = False
        self._error: BaseException | None = None
        self._reader: Reader[E | EventsDropped] = Reader()

    def pass_on(self, event: E) -> None:
        """Call the consumer with an event if it waits in :meth:`get_each`, else :meth:`put` the event.

        The consumer may call back into the session, so the caller's state must be consistent.
        """
        if self._ended or not self._reader.offer(event):
            self.put(event)

    def put(self, event: E) -> None:
        """Append an event; after :meth:`end` it is ignored."""
        if self._ended:
            return
        if self._count >= self._limit:
            self._make_room()
        cell: _Cell[E] = [event]
        if self._cells is None:
            self._cells = deque()
        self._cells.append(cell)
        self._count += 1
        if self._is_interim(event):
            if self._interim is None:
                self._interim = deque()
            self._interim.append(cell)
        self._reader.wake()

    def end(self, error: BaseException | None = None) -> None:
        """End the queue. The consumer gets the remaining events, then the end or ``error``."""
        if not self._ended:
            self._ended, self._error = True, error
            self._reader.wake()

    async def get(self) -> E | EventsDropped:
        """Wait for the next event.

        Raises:
            RuntimeError: Another task waits already; a queue has one consumer.
            StopAsyncIteration: The queue is empty and has ended.
            SpeechwireError: The queue is empty and has ended with this error; raised once.
        """
        while not self._count:
            if self._ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            await self._reader.wait()
        return self._first()

    async def get_each(self, take: Callable[[E | EventsDropped], bool]) -> bool:
        """Call ``take`` with every event, in order, as soon as it comes.

        Returns:
            True at the end; false once ``take`` has returned false. Later events wait for the next call.

        Raises:
            RuntimeError: Another task waits already; a queue has one consumer.
            SpeechwireError: The queue is empty and has ended with this error; raised once.
        """
        while True:
            while self._count:
                if not take(self._first()):
                    return False
            if self._ended:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return True
            if not await self._reader.wait(take):
                return False

    def _first(self) -> E | EventsDropped:
        if self._unreported:
            count, self._unreported = self._unreported, 0
            return EventsDropped(count=count)
        return self._next()

    def _next(self) -> E:
        assert self._cells is not None
        while True:
            cell = self._cells.popleft()
            event, cell[0] = cell[0], None
            while self._interim and self._interim[0][0] is None:
                self._interim.popleft()
            if event is not None:
                self._count -= 1
                if not self._count:
                    self._cells = self._interim = None
                return event

    def _make_room(self) -> None:
        assert self._cells is not None
        if self._interim:
            self._interim.popleft()[0] = None
            self._count -= 1
            if len(self._cells) > 2 * self._limit:
                self._cells = deque(cell for cell in self._cells if cell[0] is not None)
        else:
            self._next()
        self._unreported += 1
