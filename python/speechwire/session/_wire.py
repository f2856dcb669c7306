"""One connection while it lives, for any endpoint: who receives, who sends, who watches the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, Protocol, TypeVar

from speechwire.errors import ConnectionLost
from speechwire.protocol import Closed, State
from speechwire.transport import ABNORMAL, CloseEvent, WebSocket

__all__ = ["Wire", "WireProtocol"]

EventT = TypeVar("EventT")

_TICK_S: Final = 1.0
_MIN_TICK_S: Final = 0.01
_LATE_S: Final = 0.2


def clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's clock; without the detour where the loop only passes on the system's."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


class WireProtocol(Protocol[EventT]):
    """What every protocol offers. See :mod:`speechwire.protocol`."""

    request_id: str | None

    @property
    def state(self) -> State: ...

    def receive(self, frame: str | bytes) -> list[EventT]: ...

    def receive_close(self, code: int, reason: str = "") -> Closed: ...


class Wire(Generic[EventT]):
    """Two tasks and a timer on one connection, ended together.

    The caller's own task receives; one sends; the timer watches the deadlines. Frames keep the order in which
    the protocol made them.

    Args:
        connection: Open.
        protocol: New, for this connection.
        send_timeout_s: A send that takes longer means a peer that stopped reading.
        idle_s: Silence on our side after which the connection is kept alive.
    """

    def __init__(
        self,
        connection: WebSocket,
        protocol: WireProtocol[EventT],
        *,
        send_timeout_s: float,
        idle_s: float,
    ) -> None:
        protocol.request_id = connection.request_id
        self._connection = connection
        self._wire_protocol = protocol
        self._send_timeout_s = send_timeout_s
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._now = clock(self._loop)
        self._wake = asyncio.Event()
        self._verdict: CloseEvent | None = None
        self._fault: BaseException | None = None
        self._sending_since: float | None = None
        self._last_sent = self._now()
        self._helpers: list[asyncio.Task[None]] = []
        self._was_late = False

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    async def run(self) -> Closed:
        """Live until the connection ends; returns how. Cancelling drops the connection."""
        self._helpers.append(asyncio.create_task(self._guard(self._send_all)))
        self._plan_look(self._now())
        try:
            close = await self._receive_all()
        finally:
            self._timer.cancel()
            for helper in self._helpers:
                helper.cancel()
            await asyncio.gather(*self._helpers, return_exceptions=True)
            self._connection.abort()
        if self._fault is not None:
            raise self._fault
        return self._wire_protocol.receive_close(close.code, close.reason)

    # What an endpoint adds

    async def _send_all(self) -> None:
        """Send what there is, for ever."""
        raise NotImplementedError

    def _handle(self, event: EventT) -> None:
        """Take one event."""
        raise NotImplementedError

    def _has_room(self) -> bool:
        """Whether the consumer has room for more events."""
        return True

    async def _room(self) -> None:
        """Wait until it has."""

    def _check(self, now: float) -> None:
        """Look at the endpoint's own deadlines."""
        raise NotImplementedError

    def _next_due(self) -> float:
        """When :meth:`_check` or the keep-alive has something to do at the latest."""
        return self._last_sent + self._idle_s

    def _keep_alive(self) -> None:
        """Keep a silent connection open."""
        self._helpers = [helper for helper in self._helpers if not helper.done()]
        self._helpers.append(self._loop.create_task(self._guard(self._connection.ping)))

    # What they share

    async def _guard(self, part: Callable[[], Awaitable[None]]) -> None:
        """When a part fails, the whole ends."""
        try:
            await part()
        except ConnectionLost:
            self._connection.abort()  # the receiver learns how it ended
        except Exception as fault:
            self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._connection.abort()

    async def _receive_all(self) -> CloseEvent:
        while True:
            await self._room()
            close = await self._connection.receive_each(self._take)
            if close is not None:
                return self._verdict or close

    def _take(self, frame: str | bytes) -> bool:
        """Take one frame; returns whether there is room for the next."""
        try:
            for event in self._wire_protocol.receive(frame):
                self._handle(event)
        except Exception as fault:
            self._fail(fault)
        return self._has_room()

    async def _send(self, frame: str | bytes) -> None:
        self._last_sent = self._sending_since = self._now()
        await self._connection.send(frame)
        self._sending_since = None

    def _plan_look(self, now: float) -> None:
        delay_s = max(_MIN_TICK_S, min(_TICK_S, self._due() - now))
        self._look_at = now + delay_s
        self._timer = self._loop.call_at(self._look_at, self._look)

    def _look(self) -> None:
        now = self._now()
        late = now - self._look_at > _LATE_S
        if late and not self._was_late:
            # The event loop stood still, which proves nothing about the peer or the caller: what came
            # meanwhile is taken in first.
            self._timer = self._loop.call_later(_LATE_S, self._look)
        else:
            self._keep_deadlines(now)
        self._was_late = late

    def _keep_deadlines(self, now: float) -> None:
        try:
            self._judge(now)
        except Exception as fault:
            self._fail(fault)
        if self._verdict is None:
            self._plan_look(now)

    def _judge(self, now: float) -> None:
        if self._sending_since is not None and now - self._sending_since >= self._send_timeout_s:
            self._give_up(f"the service stopped reading: a send took over {self._send_timeout_s:g} s")
        self._check(now)
        if self._wire_protocol.state is State.OPEN and now - self._last_sent >= self._idle_s:
            self._last_sent = now
            self._keep_alive()

    def _due(self) -> float:
        due = self._next_due()
        since = self._sending_since
        return due if since is None else min(due, since + self._send_timeout_s)

    def _give_up(self, reason: str) -> None:
        """End a connection that is open in name only."""
        self._verdict = self._verdict or CloseEvent(ABNORMAL, reason)
        self._connection.abort()
