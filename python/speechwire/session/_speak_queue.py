"""The requests that wait for speech, and the callers that wait for a connection."""

from __future__ import annotations

import asyncio
from collections import deque

from speechwire.errors import LocalProtocolError, SpeechwireError
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest

__all__ = ["SpeakQueue"]


class SpeakQueue:
    """Requests in the order in which they are spoken, and futures of callers that wait for a connection.

    Args:
        limit: The most requests that are not done.
        stats: The counters to update.
    """

    def __init__(self, limit: int, stats: SpeakStats) -> None:
        self._limit = limit
        self._stats = stats
        self._requests: deque[SpeakRequest] = deque()
        self._waiters: list[asyncio.Future[None]] = []

    def check_room(self) -> None:
        """Check that one more request may wait.

        Raises:
            LocalProtocolError: Too many wait already.
        """
        if len(self._requests) >= self._limit:
            self._requests = deque(request for request in self._requests if not request.done)
        if len(self._requests) >= self._limit:
            raise LocalProtocolError(
                f"cannot make another request: {self._limit} wait already (SpeakSettings.request_limit)"
            )

    def add(self, request: SpeakRequest) -> None:
        """Append a request."""
        self._stats.requests += 1
        self._requests.append(request)

    def first(self) -> SpeakRequest | None:
        """The first request that is not done."""
        while self._requests and self._requests[0].done:
            self._requests.popleft()
        return self._requests[0] if self._requests else None

    async def connected(self) -> None:
        """Wait for a connection.

        Raises:
            SpeechwireError: Why no connection could be opened.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    @property
    def is_empty(self) -> bool:
        """Whether no request and no caller waits."""
        return self.first() is None and all(waiter.done() for waiter in self._waiters)

    def opened(self) -> None:
        """A connection is open: wake the callers that wait for one."""
        self._settle(None)

    def fail(self, error: SpeechwireError) -> None:
        """Fail all requests and all callers that wait."""
        requests, self._requests = self._requests, deque()
        for request in requests:
            self._stats.failed += not request.done
            request.fail(error)
        self._settle(error)

    def abandon(self, error: SpeechwireError) -> None:
        """As :meth:`fail`, for waiting tasks whose event loop is not running: they wake if it runs again."""
        for request in self._requests:
            if not request.done:
                request.error = error

    def _settle(self, error: SpeechwireError | None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
