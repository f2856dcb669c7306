"""What the sessions of a process share when they connect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from speechwire.errors import HandshakeRefused, InvalidArgument, SpeechwireError
from speechwire.session._signal import Signal
from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.transport import CloseEvent, Take, WebSocket

__all__ = ["ConnectionLimiter"]

_TOO_MANY_REQUESTS: Final = 429


class ConnectionLimiter:
    """Bounds how many connections the sessions of a process have and open at once.

    When the service answers 429 to one session, all wait for a while, and then try one at a time until one
    gets in. A session that replaces its connection borrows a place for the moment in which it has two.

    Args:
        max_connections: Connections open at once, as the service's contract allows; ``None`` for no limit.
        max_handshakes: Handshakes under way at once, and connections being replaced at once.
        policy: How long to wait after 429 (its ``throttled_base_s``, ``factor`` and ``cap_s``).
    """

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_handshakes: int = 16,
        policy: BackoffPolicy | None = None,
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise InvalidArgument("max_connections", max_connections, "at least 1, or None")
        if max_handshakes < 1:
            raise InvalidArgument("max_handshakes", max_handshakes, "at least 1")
        self._max_connections = max_connections
        self._max_handshakes = max_handshakes
        self._policy = policy or BackoffPolicy(max_attempts=1 << 30)
        self._backoff = Backoff(self._policy)
        self._handshakes = 0
        self._open = 0
        self._taken = 0  # places: a session that has two connections for a moment has one
        self._borrowers = 0
        self._throttled = False
        self._hold_until = 0.0
        self._changed = Signal()

    @property
    def open_connections(self) -> int:
        """Connections open now."""
        return self._open

    @property
    def throttled(self) -> bool:
        """Whether the service has answered 429 and nobody has got in since."""
        return self._throttled

    async def admit(self, *, borrowed: bool = False) -> None:
        """Wait for permission to begin a handshake; :meth:`opened` or :meth:`failed` must follow.

        Args:
            borrowed: The place was got from :meth:`borrow`.
        """
        loop = asyncio.get_running_loop()
        while True:
            hold_s = self._hold_until - loop.time()
            if hold_s > 0:
                await asyncio.sleep(hold_s)
            elif self._has_room(borrowed):
                self._handshakes += 1
                self._taken += not borrowed
                return
            else:
                await self._changed.wait()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[None]:
        """A place beyond the limit, while one connection is being replaced by another."""
        while self._borrowers >= self._max_handshakes:
            await self._changed.wait()
        self._borrowers += 1
        try:
            yield
        finally:
            self._borrowers -= 1
            self._changed.notify()

    def hand_over(self, old: WebSocket, new: WebSocket) -> None:
        """Give the place of one connection to another, which was opened in a borrowed place."""
        if isinstance(old, _Counted) and isinstance(new, _Counted):
            old.has_place, new.has_place = False, old.has_place

    def opened(self, websocket: WebSocket, *, borrowed: bool = False) -> WebSocket:
        """A handshake succeeded; returns the connection, which counts until it is closed or aborted."""
        self._handshakes -= 1
        self._open += 1
        self._throttled = False
        self._backoff.succeeded()
        self._changed.notify()
        return _Counted(websocket, self._closed, has_place=not borrowed)

    def failed(self, error: BaseException, *, borrowed: bool = False) -> None:
        """A handshake failed, or was cancelled."""
        self._handshakes -= 1
        self._taken -= not borrowed
        if isinstance(error, HandshakeRefused) and error.status == _TOO_MANY_REQUESTS:
            self._hold_back(error)
        self._changed.notify()

    def _has_room(self, borrowed: bool) -> bool:
        if self._handshakes >= (1 if self._throttled else self._max_handshakes):
            return False
        return borrowed or self._max_connections is None or self._taken < self._max_connections

    def _hold_back(self, error: SpeechwireError) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._hold_until:  # the others that were refused in the same moment say nothing new
            self._hold_until = now + (self._backoff.refused(error) or self._policy.cap_s)
        self._throttled = True

    def _closed(self, had_place: bool) -> None:
        self._open -= 1
        self._taken -= had_place
        self._changed.notify()


class _Counted:
    """A connection that reports its end once, and whether it had a place of its own then."""

    def __init__(self, websocket: WebSocket, report: Callable[[bool], None], *, has_place: bool) -> None:
        self.has_place = has_place
        self._websocket = websocket
        self._report: Callable[[bool], None] | None = report
        self.send = websocket.send
        self.send_now = websocket.send_now

    @property
    def request_id(self) -> str | None:
        return self._websocket.request_id

    @property
    def ready(self) -> bool:
        return self._websocket.ready

    async def receive(self) -> str | bytes | CloseEvent:
        return await self._websocket.receive()

    async def receive_each(self, take: Take) -> CloseEvent | None:
        return await self._websocket.receive_each(take)

    async def ping(self) -> None:
        await self._websocket.ping()

    async def aclose(self, code: int = 1000) -> None:
        try:
            await self._websocket.aclose(code)
        finally:
            self._ended()

    def abort(self) -> None:
        self._websocket.abort()
        self._ended()

    def _ended(self) -> None:
        report, self._report = self._report, None
        if report is not None:
            report(self.has_place)
            self.has_place = False
