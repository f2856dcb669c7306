"""The bounded queue of messages to a caller. A slow reader misses interim captions first."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence

__all__ = ["Outbox", "Weight"]


class Weight(enum.Enum):
    """What may happen to a message while it waits for a slow reader."""

    KEPT = enum.auto()
    """The message is sent, or the call ends."""
    INTERIM = enum.auto()
    """The next interim message replaces it."""
    SPEECH = enum.auto()
    """:meth:`Outbox.drop_speech` removes it."""


class Outbox:
    """Messages in the order they were put.

    Args:
        limit_bytes: The most that may wait, in bytes (characters, for text).
        limit_s: The longest time without a message being taken while messages wait, in seconds. Checked when
            a message is put.
        clock: Returns the time in seconds.

    Attributes:
        interims_dropped: How many interim messages were replaced by newer ones.
        overflowed: Whether a limit was exceeded. No message is accepted or given out any more.
    """

    def __init__(self, *, limit_bytes: int, limit_s: float, clock: Callable[[], float]) -> None:
        self.interims_dropped = 0
        self.overflowed = False
        self._limit_bytes = limit_bytes
        self._limit_s = limit_s
        self._clock = clock
        self._items: list[tuple[Weight, str | bytes]] = []  # mostly empty: a deque is ten times as large
        self._bytes = 0
        self._moved_at_s = clock()
        self._closed = False
        self._notify: Callable[[], None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._room: list[asyncio.Future[None]] = []

    @property
    def waiting_bytes(self) -> int:
        """The size of the messages that wait."""
        return self._bytes

    @property
    def is_done(self) -> bool:
        """Whether nothing waits and nothing more will be put."""
        return self._closed and not self._items

    def notify(self, ready: Callable[[], None]) -> None:
        """Call `ready` after each :meth:`put` and after :meth:`close`, for consumers that use :meth:`pop`."""
        self._notify = ready

    def put(self, weight: Weight, messages: Sequence[str | bytes]) -> bool:
        """Add messages. Return whether they were accepted: not after an overflow or a close."""
        if self._closed or self.overflowed or not messages:
            return not messages
        if not self._items:
            self._moved_at_s = self._clock()
        elif weight is Weight.INTERIM:
            self._drop_interim()
        for message in messages:
            self._items.append((weight, message))
            self._bytes += len(message)
        self.overflowed = self._bytes > self._limit_bytes or self._is_stuck()
        self._wake()
        return not self.overflowed

    def drop_speech(self) -> None:
        """Drop speech that has not been taken."""
        self._keep(lambda weight: weight is not Weight.SPEECH)

    def close(self) -> None:
        """Accept no more messages; those that wait can still be taken."""
        self._closed = True
        self._wake()

    async def take(self) -> list[str | bytes] | None:
        """Wait for messages and take them all; return ``None`` after the last, or after an overflow."""
        while not self._items or self.overflowed:
            if self._closed or self.overflowed:
                return None
            self._ready = asyncio.get_running_loop().create_future()
            await self._ready
        taken = [message for _, message in self._items]
        self._items.clear()
        self._bytes = 0
        self._moved_at_s = self._clock()
        self._let_in()
        return taken

    def pop(self) -> str | bytes | None:
        """Take the next message; return ``None`` where none waits, or after an overflow."""
        if not self._items or self.overflowed:
            return None
        _, message = self._items.pop(0)
        self._bytes -= len(message)
        self._moved_at_s = self._clock()
        if self._room and self._bytes <= self._limit_bytes // 2:
            self._let_in()
        return message

    async def room(self) -> None:
        """Wait until half of the limit is free; return at once after a close or an overflow."""
        while self._bytes > self._limit_bytes // 2 and not (self._closed or self.overflowed):
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._room.append(waiting)
            await waiting

    def _is_stuck(self) -> bool:
        return self._clock() - self._moved_at_s > self._limit_s

    def _drop_interim(self) -> None:
        before = len(self._items)
        self._keep(lambda weight: weight is not Weight.INTERIM)
        self.interims_dropped += before - len(self._items)

    def _keep(self, is_wanted: Callable[[Weight], bool]) -> None:
        self._items = [item for item in self._items if is_wanted(item[0])]
        self._bytes = sum(len(message) for _, message in self._items)
        self._let_in()

    def _wake(self) -> None:
        ready, self._ready = self._ready, None
        if ready is not None and not ready.done():
            ready.set_result(None)
        if self._closed or self.overflowed:
            self._let_in()
        if self._notify is not None:
            self._notify()

    def _let_in(self) -> None:
        waiting, self._room = self._room, []
        for one in waiting:
            if not one.done():
                one.set_result(None)
