"""One live connection, for any endpoint: who receives, who sends, who watches the time, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from speechwire.errors import ConnectionLost, InternalError, SpeechwireError
from speechwire.protocol import Closed
from speechwire.protocol import State as ProtocolState
from speechwire.session._flag import Flag
from speechwire.session._states import ENDING_OF, Ending
from speechwire.transport import ABNORMAL, CloseEvent, WebSocket

__all__ = ["Connection", "Ended", "EndpointProtocol", "Traffic", "clock"]

EventT = TypeVar("EventT")

_TICK_S: Final = 1.0
_MIN_TICK_S: Final = 0.01
_LATE_S: Final = 0.2

_OPEN: Final = ProtocolState.OPEN

_logger = logging.getLogger("speechwire.session")


def clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's clock; without the detour where the loop only passes on the system's."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended.

    Args:
        ending: The kind.
        error: What to tell, where there is something to tell.
        lived_s: How long it was open.
        was_said: Whether the peer said so, with a close frame.
    """

    ending: Ending
    error: SpeechwireError | None
    lived_s: float
    was_said: bool


class EndpointProtocol(Protocol[EventT]):
    """What every protocol offers. See :mod:`speechwire.protocol`."""

    request_id: str | None

    @property
    def state(self) -> ProtocolState: ...

    def receive(self, frame: str | bytes) -> list[EventT]: ...

    def receive_close(self, code: int, reason: str = "") -> Closed: ...


class Traffic(Protocol[EventT]):
    """What goes over a connection: messages up, events down, and the deadlines of both."""

    async def send_all(self, connection: Connection[EventT]) -> None:
        """Send what there is, for ever; wait on :meth:`Connection.woken` when there is nothing."""

    def take(self, event: EventT) -> None:
        """Take one event."""

    def has_room(self) -> bool:
        """Whether the consumer has room for more events; else reading pauses until :meth:`room` returns."""

    async def room(self) -> None:
        """Wait until the consumer has room."""

    def due_at(self) -> float:
        """When :meth:`check` has something to do at the latest, on the loop's clock; may be infinite."""

    def check(self, now: float) -> None:
        """Look at the deadlines; end the connection with :meth:`Connection.end` where one has passed."""

    def keep_alive(self) -> bool:
        """Keep a silent connection open; false asks for a WebSocket ping."""


class Connection(Generic[EventT]):
    """Two tasks and a timer on one WebSocket, ended together.

    The caller's own task receives; one sends; the timer watches the deadlines. Frames keep the order in which
    the protocol made them. Whatever fails in here ends the connection, and nothing else.

    Args:
        websocket: Open.
        protocol: New, for this connection.
        traffic: What goes over it.
        send_timeout_s: A send that takes longer means a peer that stopped reading.
        idle_s: Silence on our side after which the connection is kept alive.

    Attributes:
        now: The loop's clock.
        last_sent: When we sent last.
        sending_since: Since when a send waits for the peer to read; ``None`` if none does.
    """

    def __init__(
        self,
        websocket: WebSocket,
        protocol: EndpointProtocol[EventT],
        traffic: Traffic[EventT],
        *,
        send_timeout_s: float,
        idle_s: float,
    ) -> None:
        protocol.request_id = websocket.request_id
        self.websocket = websocket
        self._protocol = protocol
        self._traffic = traffic
        self._send_timeout_s = send_timeout_s
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self.now = clock(self._loop)
        self.last_sent = self._opened_at = self.now()
        self.sending_since: float | None = None
        self._wake = Flag()
        self._verdict: tuple[Ending, SpeechwireError | None] | None = None
        self._over = False
        self._helpers: list[asyncio.Task[None]] = []
        self._was_late = False

    # For the traffic

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    async def woken(self, timeout_s: float | None = None) -> None:
        """Wait for :meth:`wake`, or so long."""
        self._wake.clear()
        if timeout_s is None:
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def send(self, frame: str | bytes) -> None:
        """Send one frame; waits while the peer reads more slowly than we send."""
        self.last_sent = self.sending_since = self.now()
        await self.websocket.send(frame)
        self.sending_since = None

    def end(self, ending: Ending, reason: str = "") -> None:
        """End the connection now. The first call counts."""
        error = ConnectionLost(ABNORMAL, reason, request_id=self._protocol.request_id) if reason else None
        self._verdict = self._verdict or (ending, error)
        self.websocket.abort()

    def lived_s(self) -> float:
        """How long it has been open."""
        return self.now() - self._opened_at

    # For the session

    async def run(self) -> Ended:
        """Live until the connection ends; returns how. Cancelling drops the connection."""
        self._helpers.append(self._loop.create_task(self._send_all()))
        self._plan_look(self.now())
        try:
            close = await self._receive_all()
        finally:
            self._over = True
            self._timer.cancel()
            for helper in self._helpers:
                helper.cancel()
            await asyncio.gather(*self._helpers, return_exceptions=True)
            self.websocket.abort()
        closed = self._protocol.receive_close(close.code, close.reason)
        ending, error = self._verdict or (ENDING_OF[closed.kind], closed.error)
        return Ended(ending, error, self.lived_s(), was_said=close.code != ABNORMAL)

    async def _receive_all(self) -> CloseEvent:
        while True:
            await self._traffic.room()
            try:
                close = await self.websocket.receive_each(self._take)
            except Exception as fault:
                self.fail(fault)
                return CloseEvent(ABNORMAL)
            if close is not None:
                return close

    def _take(self, frame: str | bytes) -> bool:
        """Take one frame; returns whether there is room for the next."""
        try:
            for event in self._protocol.receive(frame):
                self._traffic.take(event)
            return self._traffic.has_room()
        except Exception as fault:
            self.fail(fault)
            return True

    async def _send_all(self) -> None:
        try:
            await self._traffic.send_all(self)
        except ConnectionLost:
            self.websocket.abort()  # the receiver learns how it ended
        except asyncio.CancelledError:
            if not self._over:  # somebody else cancelled this task
                self.end(Ending.FAULTED, "the task that sends was cancelled")
            raise
        except Exception as fault:
            self.fail(fault)

    async def _ping(self) -> None:
        try:
            await self.websocket.ping()
        except ConnectionLost:
            self.websocket.abort()
        except Exception as fault:
            self.fail(fault)

    def fail(self, fault: Exception) -> None:
        """Something of ours failed: say so, and let another connection try."""
        if self._verdict is None:
            _logger.error("a connection failed by a fault of speechwire's own", exc_info=fault)
            error = InternalError(fault)
            self._verdict = Ending.FAULTED, error
        self.websocket.abort()

    # Watching the time

    def _plan_look(self, now: float) -> None:
        delay_s = max(_MIN_TICK_S, min(_TICK_S, self._due_at() - now))
        self._look_at = now + delay_s
        self._timer = self._loop.call_at(self._look_at, self._look)

    def _look(self) -> None:
        now = self.now()
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
            self.fail(fault)
        if self._verdict is None:
            self._plan_look(now)

    def _judge(self, now: float) -> None:
        if self.sending_since is not None and now - self.sending_since >= self._send_timeout_s:
            self.end(
                Ending.STALLED, f"the service stopped reading: a send took over {self._send_timeout_s:g} s"
            )
        self._traffic.check(now)
        if self._protocol.state is _OPEN and now - self.last_sent >= self._idle_s:
            self.last_sent = now
            if not self._traffic.keep_alive():
                self._helpers = [helper for helper in self._helpers if not helper.done()]
                self._helpers.append(self._loop.create_task(self._ping()))

    def _due_at(self) -> float:
        due = min(self._traffic.due_at(), self.last_sent + self._idle_s)
        since = self.sending_since
        return due if since is None else min(due, since + self._send_timeout_s)
