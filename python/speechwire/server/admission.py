"""Limits the number of calls, and keeps a queue of callers that wait for a place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from speechwire.errors import InvalidArgument

__all__ = ["Admission", "Place"]


class Place:
    """A claim to one place: taken at once, or queued. Give it back with :meth:`release`."""

    def __init__(self, admission: Admission) -> None:
        self.is_taken = False
        self._admission = admission
        self._turn: asyncio.Future[None] | None = None

    @property
    def queued(self) -> tuple[int, float]:
        """How many claims wait before this one, and its longest wait in seconds."""
        return self._admission.before(self), self._admission.queue_s

    async def wait(self) -> None:
        """Wait until the place is taken. Has no timeout of its own."""
        if not self.is_taken:
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn

    def release(self) -> None:
        """Give the place or the claim back. Idempotent."""
        self._admission.release(self)

    def take(self) -> None:
        """Take the place. Called by :class:`Admission`."""
        self.is_taken = True
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)


class Admission:
    """Places for calls.

    Args:
        places: How many calls there may be at once, at least 1; ``None`` for no limit.
        queue: How many callers may wait.
        queue_s: The longest wait in seconds, as told to callers.

    Raises:
        InvalidArgument: `places` is below 1, or `queue` below 0.

    Attributes:
        on_change: Called after each claim that succeeds and after each release.
    """

    def __init__(self, places: int | None = None, *, queue: int = 0, queue_s: float = 30.0) -> None:
        if places is not None and places < 1:
            raise InvalidArgument("places", places, "at least 1, or None")
        if queue < 0:
            raise InvalidArgument("queue", queue, "at least 0")
        self.places = places
        self.queue_s = queue_s
        self.on_change: Callable[[], None] = _nothing
        self._queue = queue
        self._taken: set[Place] = set()
        self._waiting: deque[Place] = deque()

    @property
    def taken(self) -> int:
        """Places taken now."""
        return len(self._taken)

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return len(self._waiting)

    def claim(self) -> Place | None:
        """Claim a place, taken or queued; return ``None`` when the queue is full too."""
        place = Place(self)
        if self._has_room:
            self._taken.add(place)
            self.on_change()
            place.take()
            return place
        if len(self._waiting) < self._queue:
            self._waiting.append(place)
            self.on_change()
            return place
        return None

    def resize(self, places: int | None) -> None:
        """Change the number of places. Calls beyond a smaller number go on."""
        self.places = places
        self._seat()

    def before(self, place: Place) -> int:
        """How many claims wait before this one."""
        return self._waiting.index(place) if place in self._waiting else 0

    def release(self, place: Place) -> None:
        """Free a place; the next claim in the queue takes it."""
        self._taken.discard(place)
        if place in self._waiting:
            self._waiting.remove(place)
        self._seat()
        self.on_change()

    def _seat(self) -> None:
        while self._waiting and self._has_room:
            following = self._waiting.popleft()
            self._taken.add(following)
            following.take()

    @property
    def _has_room(self) -> bool:
        return self.places is None or len(self._taken) < self.places


def _nothing() -> None:
    """The default of `Admission.on_change`."""
