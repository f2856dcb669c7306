"""One open connection, for any endpoint: it receives, sends, checks deadlines, and reports how it ended."""

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
    """The loop's clock; the system's clock itself where the loop only forwards to it, which is faster."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended.

    Args:
        ending: The kind of ending.
        error: The error to report; ``None`` without one.
        lived_s: How long the connection was open, in seconds.
        was_said: Whether the peer sent a close frame.
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
    """The use of a connection: what to send, where events go, and the deadlines."""

    async def send_all(self, connection: Connection[EventT]) -> None:
        """Send messages until cancelled; wait on :meth:`Connection.woken` when there is nothing to send."""

    def take(self, event: EventT) -> None:
        """Take one event."""

    def has_room(self) -> bool:
        """Whether the consumer has room for more events; else reading pauses until :meth:`room` returns."""

    async def room(self) -> None:
        """Wait until the consumer has room."""

    def due_at(self) -> float:
        """The time by which :meth:`check` must be called, on the loop's clock; may be infinite."""

    def check(self, now: float) -> None:
        """Check the deadlines; call :meth:`Connection.end` if one has passed."""

    def keep_alive(self) -> bool:
        """Send what keeps a silent connection open. Return false to have a WebSocket ping sent instead."""


class Connection(Generic[EventT]):
    """A receiving task, a sending task and a timer on one WebSocket, ended together.

    The task that calls :meth:`run` receives, another task sends, and the timer checks the deadlines. Frames
    keep the order in which the protocol made them. A failure in any of these ends only this connection.

    Args:
        websocket: An open WebSocket.
        protocol: A new protocol, for this connection.
        traffic: Uses the connection.
        send_timeout_s: A send that takes longer than this ends the connection: the peer does not read.
        idle_s: After this many seconds without a send the connection is kept alive.

    Attributes:
        now: The loop's clock.
        last_sent: When a message was last sent, by `now`.
        sending_since: When the send that waits for the peer began; ``None`` if none waits.
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
        """Wait for the next :meth:`wake`, at most `timeout_s` seconds."""
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
        """Send one frame; wait while the socket's buffer is full."""
        self.last_sent = self.sending_since = self.now()
        await self.websocket.send(frame)
        self.sending_since = None

    def end(self, ending: Ending, reason: str = "") -> None:
        """Abort the connection with this ending; later calls do not change it."""
        error = ConnectionLost(ABNORMAL, reason, request_id=self._protocol.request_id) if reason else None
        self._verdict = self._verdict or (ending, error)
        self.websocket.abort()

    def lived_s(self) -> float:
        """How long the connection has been open, in seconds."""
        return self.now() - self._opened_at

    # For the session

    async def run(self) -> Ended:
        """Run until the connection ends, and return how it ended. Cancelling aborts the connection."""
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
        """Handle one frame; return whether there is room for the next."""
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
            if not self._over:  # cancelled by code outside this class
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
        """End the connection because of a fault of speechwire's own, and log it. The session may retry."""
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
            # The event loop was blocked, so a missed deadline proves nothing about the peer or the caller.
            # First let the loop read what has come meanwhile.
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
