"""Limits the connections of a process's sessions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from speechwire.errors import HandshakeRefused, InvalidArgument, SpeechwireError
from speechwire.session._signal import Signal
from speechwire.session.backoff import TOO_MANY_REQUESTS, Backoff, BackoffPolicy
from speechwire.transport import CloseEvent, Take, WebSocket

__all__ = ["ConnectionLimiter"]


class ConnectionLimiter:
    """Limits how many connections the sessions of a process have open, and open at the same time.

    When the service answers 429 to one session, all wait for a while and then try one at a time until one
    succeeds. A session that replaces its connection borrows a place while it has two connections.

    Args:
        max_connections: The most connections open at once, as the contract allows; ``None`` for no limit.
        max_handshakes: The most handshakes at once, and the most connections being replaced at once.
        policy: How long to wait after 429 (its ``throttled_base_s``, ``factor`` and ``cap_s``).
    """

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_handshakes: int = 16,
        policy: BackoffPolicy | None = None,
    ) -> None:
        _check_places(max_connections, 1)
        if max_handshakes < 1:
            raise InvalidArgument("max_handshakes", max_handshakes, "at least 1")
        self._max_connections = max_connections
        self._limited_until = math.inf
        self._then = max_connections
        self._waiting = 0
        self._on_demand: Callable[[], None] | None = None
        self._on_throttled: Callable[[float], None] | None = None
        self._max_handshakes = max_handshakes
        self._policy = policy or BackoffPolicy(max_attempts=1 << 30)
        self._backoff = Backoff(self._policy)
        self._handshakes = 0
        self._open = 0
        self._taken = 0  # a session that is replacing its connection has two connections but one place
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
        """Whether the service has answered 429 and no handshake has succeeded since."""
        return self._throttled

    @property
    def taken(self) -> int:
        """Places in use: connections that are open or being opened, without borrowed places."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._waiting

    def limit(
        self, max_connections: int | None, *, valid_s: float = math.inf, then: int | None = None
    ) -> None:
        """Change how many connections may be open at once. Those beyond a lower limit stay open.

        Args:
            max_connections: At least 0; ``None`` for no limit.
            valid_s: For how many seconds the limit applies.
            then: The limit after that.

        Raises:
            InvalidArgument: A limit is below 0, or `valid_s` is not above 0.
        """
        _check_places(max_connections, 0)
        _check_places(then, 0)
        if not valid_s > 0:
            raise InvalidArgument("valid_s", valid_s, "above 0")
        self._max_connections, self._then = max_connections, then
        self._limited_until = asyncio.get_running_loop().time() + valid_s
        self._changed.notify()

    def hold_back(self, delay_s: float) -> None:
        """Begin no handshake for `delay_s` seconds, because another process got 429."""
        self._throttled = True
        self._hold_until = max(self._hold_until, asyncio.get_running_loop().time() + delay_s)

    def watch(
        self,
        *,
        on_demand: Callable[[], None] | None = None,
        on_throttled: Callable[[float], None] | None = None,
    ) -> None:
        """Set callbacks; they replace those set before.

        Args:
            on_demand: Called when a place is taken or given back, or a session begins to wait for one.
            on_throttled: Called when the service answers 429, with the seconds for which this limiter waits.
        """
        self._on_demand, self._on_throttled = on_demand, on_throttled

    async def admit(self, *, borrowed: bool = False) -> None:
        """Wait for permission to begin a handshake; :meth:`opened` or :meth:`failed` must follow.

        Args:
            borrowed: Whether the place comes from :meth:`borrow`.
        """
        loop = asyncio.get_running_loop()
        while True:
            hold_s = self._hold_until - loop.time()
            if hold_s > 0:
                await asyncio.sleep(hold_s)
            elif self._has_room(borrowed):
                self._handshakes += 1
                self._taken += not borrowed
                self._report_demand()
                return
            else:
                await self._wait(for_a_place=not borrowed)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[None]:
        """Wait for a place beyond the limit, to hold while one connection replaces another."""
        while self._borrowers >= self._max_handshakes:
            await self._changed.wait()
        self._borrowers += 1
        try:
            yield
        finally:
            self._borrowers -= 1
            self._changed.notify()

    def hand_over(self, old: WebSocket, new: WebSocket) -> None:
        """Give the place of `old` to `new`, which was opened in a borrowed place."""
        if isinstance(old, _Counted) and isinstance(new, _Counted):
            old.has_place, new.has_place = False, old.has_place

    def opened(self, websocket: WebSocket, *, borrowed: bool = False) -> WebSocket:
        """Record a successful handshake; return the connection, which counts until it has ended."""
        self._handshakes -= 1
        self._open += 1
        self._throttled = False
        self._backoff.succeeded()
        self._changed.notify()
        return _Counted(websocket, self._closed, has_place=not borrowed)

    def failed(self, error: BaseException, *, borrowed: bool = False) -> None:
        """Record a handshake that failed or was cancelled."""
        self._handshakes -= 1
        self._taken -= not borrowed
        self._report_demand()
        if isinstance(error, HandshakeRefused) and error.status == TOO_MANY_REQUESTS:
            self._hold_back(error)
        self._changed.notify()

    async def _wait(self, *, for_a_place: bool) -> None:
        self._waiting += for_a_place
        self._report_demand()
        try:
            await self._changed.wait()
        finally:
            self._waiting -= for_a_place

    def _has_room(self, borrowed: bool) -> bool:
        if self._handshakes >= (1 if self._throttled else self._max_handshakes):
            return False
        limit = self._max_connections
        if asyncio.get_running_loop().time() >= self._limited_until:
            limit = self._then
        return borrowed or limit is None or self._taken < limit

    def _report_demand(self) -> None:
        if self._on_demand is not None:
            self._on_demand()

    def _hold_back(self, error: SpeechwireError) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._hold_until:  # several refusals at the same moment count once
            delay_s = self._backoff.refused(error) or self._policy.cap_s
            self._hold_until = now + delay_s
            if self._on_throttled is not None:
                self._on_throttled(delay_s)
        self._throttled = True

    def _closed(self, had_place: bool) -> None:
        self._open -= 1
        self._taken -= had_place
        self._report_demand()
        self._changed.notify()


def _check_places(max_connections: int | None, least: int) -> None:
    if max_connections is not None and max_connections < least:
        raise InvalidArgument("max_connections", max_connections, f"at least {least}, or None")


class _Counted:
    """A connection that reports its end once, and whether it had a place of its own."""

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
