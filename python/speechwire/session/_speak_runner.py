"""The one task of a speaking session: gets connections, and decides what the end of one means."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from speechwire.errors import (
    ConnectionLost,
    InternalError,
    LocalProtocolError,
    SessionClosed,
    SpeechwireError,
)
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session._connection import Ended
from speechwire.session._dialer import Dialer, Dialing
from speechwire.session._loop_binding import LoopBinding
from speechwire.session._signal import Signal
from speechwire.session._speak_rules import SpeakRules
from speechwire.session._speak_traffic import SpeakTraffic
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session._speak_v2_rules import SpeakV2Rules
from speechwire.session._states import Attempt, Ending, Operation, State, StateMachine
from speechwire.session.backoff import Backoff
from speechwire.session.events import Reconnecting
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import ABNORMAL, WebSocket

__all__ = ["SpeakOptions", "SpeakRunner"]

SpeakOptions = SpeakV1Options | SpeakV2Options

_CLOSED: Final = "the session has been closed"
_CANCELLED: Final = "the session's task was cancelled: make a new session"

_logger = logging.getLogger("speechwire.session")


class SpeakRunner:
    """Speaks the requests in their order, over as many connections as it takes.

    Args:
        dialing: How to reach the service.
        url: Where to.
        options: The voice and the audio format.
        settings: Limits and deadlines.
        tell: Told about each attempt that will follow.

    Attributes:
        machine: The session's state.
        stats: The counters.
        binding: The event loop it lives in.
        task: The task, once there was something to do.
    """

    def __init__(
        self,
        dialing: Dialing,
        url: str,
        options: SpeakOptions,
        settings: SpeakSettings,
        tell: Callable[[Reconnecting], None] | None,
    ) -> None:
        self.machine = StateMachine()
        self.stats = SpeakStats()
        self.binding = LoopBinding("session")
        self.task: asyncio.Task[None] | None = None
        self._dialing = dialing
        self._url = url
        self._options = options
        self._settings = settings
        self._tell = tell
        self._sample_bytes = 2 if options.encoding == "linear16" else 1
        self._requests: deque[SpeakRequest] = deque()
        self._changed = Signal()
        self._traffic: SpeakTraffic[Any] | None = None
        self._backoff = Backoff(settings.backoff, uniform=dialing.uniform)
        self._not_before = 0.0
        self._outage_until = 0.0  # so long after giving up, one attempt is enough to give up again
        self._waiters: list[asyncio.Future[None]] = []  # for a connection
        self._over_because = _CLOSED

    # For the session

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        cancelled = self.task is not None and self.task.cancelling() > 0
        return cancelled or self.binding.ended or self.machine.state is State.SHUTDOWN

    def add_request(self) -> SpeakRequest:
        """Append a request.

        Raises:
            SessionClosed: The session is over, or belongs to another event loop.
            LocalProtocolError: Too many requests wait.
        """
        self._begin(Operation.REQUEST)
        limit = self._settings.request_limit
        if len(self._requests) >= limit:
            self._requests = deque(request for request in self._requests if not request.done)
        if len(self._requests) >= limit:
            raise LocalProtocolError(
                f"cannot make another request: {limit} wait already (SpeakSettings.request_limit)"
            )
        request = SpeakRequest(self, sample_bytes=self._sample_bytes, text_limit=self._settings.text_limit)
        self.stats.requests += 1
        self._requests.append(request)
        self.wake()
        return request

    async def connect(self) -> None:
        """Wait for a connection.

        Raises:
            SpeechwireError: There is none to be had, or the session is over.
        """
        self._begin(Operation.CONNECT)
        if self.machine.state is State.READY:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.wake()
        await waiter

    async def aclose(self) -> None:
        """Fail what is open, have the service end the connection, and wait a little for that."""
        if self.binding.elsewhere:
            if self.machine.state is not State.SHUTDOWN:
                self._leave()
            return
        self.machine.step(Operation.CLOSE)
        self._fail_all(SessionClosed(_CLOSED))
        if self.task is None:
            if self.machine.allows(Attempt.DRAINED):
                self.machine.step(Attempt.DRAINED)
            return
        patience_s = self._ask_for_the_end()
        try:
            await asyncio.wait({self.task}, timeout=patience_s)
        finally:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _ask_for_the_end(self) -> float:
        """Returns how long to wait for it."""
        traffic = self._traffic
        self._changed.notify()
        if traffic is None:
            return 0.0
        traffic.retire()
        # A service that does not read what we send will not read this either.
        return self._settings.close_timeout_s if traffic.connection.sending_since is None else 0.0

    def _begin(self, operation: Operation) -> None:
        """Take note of an operation that needs the task."""
        self.binding.check()
        if not self.machine.allows(operation):
            raise SessionClosed(self._over_because)
        self.machine.step(operation)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    def _leave(self) -> None:
        """The session's event loop has ended or stands still: there is nobody to wait for."""
        self.binding.leave()
        self._over_because = _CANCELLED
        self.machine.step(Operation.CANCEL)
        for request in self._requests:
            if not request.done:  # whoever waits for it stands still as well, so nobody is woken
                request.error = SessionClosed(_CANCELLED)
        self._requests.clear()
        if self.task is not None and not self.binding.ended:
            self.task.cancel()

    # For requests

    def wake(self) -> None:
        """There is something to do."""
        self._changed.notify()
        if self._traffic is not None:
            self._traffic.connection.wake()

    def on_interrupt(self, request: SpeakRequest) -> None:
        """A request was interrupted."""
        self.machine.step(Operation.INTERRUPT)
        self.stats.interrupted += 1
        if self._traffic is not None:
            self._traffic.stop(request)
        self._changed.notify()

    def check_loop(self) -> None:
        """Raise where waiting would never end."""
        self.binding.check()

    # The task

    async def _run(self) -> None:
        dialer = Dialer(self._dialing, self._settings.backoff, self._settings.connect_timeout_s, self.stats)
        try:
            while await self._has_work():
                await self._serve(dialer)
            self.machine.step(Attempt.DRAINED)
        except asyncio.CancelledError:
            if self.machine.accepting:
                self._over_because = _CANCELLED
                self.machine.step(Operation.CANCEL)
            else:
                self.machine.step(Attempt.DEADLINE)
            raise
        finally:
            if not self.binding.ended:
                self._fail_all(SessionClosed(self._over_because))
                await dialer.aclose()

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing."""
        while self.machine.accepting:
            if self._is_wanted():
                return True
            await self._changed.wait()
        return False

    async def _serve(self, dialer: Dialer) -> None:
        """One attempt, and the connection that comes of it. Whatever fails in here is lived through."""
        try:
            if not await self._pause():
                return
            fresh = self._now() < self._outage_until
            websocket = await self._open(dialer, fresh)
            if websocket is not None:
                await self._converse(websocket, fresh)
        except asyncio.CancelledError as fault:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._on_fault(fault)  # somebody else's, raised by what we called
        except Exception as fault:
            if self.binding.ended:
                raise  # the task is being thrown away, and nothing of it can work any more
            self._on_fault(fault)

    async def _pause(self) -> bool:
        """Wait until an attempt may begin; false when nobody wants one any more."""
        while self._is_wanted() and (left_s := self._not_before - self._now()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self._is_wanted()

    async def _open(self, dialer: Dialer, fresh: bool) -> WebSocket | None:
        self.machine.step(Attempt.DIAL)
        try:
            websocket = await _open_websocket(dialer, self._url)
        except SpeechwireError as error:
            self.machine.step(Attempt.UNREACHABLE)
            self._on_unreachable(error, fresh)
            return None
        self.machine.step(Attempt.OPENED)
        return websocket

    def _on_unreachable(self, error: SpeechwireError, fresh: bool) -> None:
        delay_s = self._backoff.refused(error)
        if delay_s is not None and not fresh:
            self._try_again(delay_s, error)
            return
        self._rest(delay_s)
        self._fail_all(error)

    async def _converse(self, websocket: WebSocket, fresh: bool) -> None:
        try:
            self._traffic = traffic = self._new_traffic(websocket)
        except BaseException:
            websocket.abort()
            raise
        self._settle_waiters(None)
        if not self.machine.accepting:
            traffic.retire()
        try:
            ended = await traffic.connection.run()
        finally:
            self._traffic = None
            self.stats.connected_s += traffic.connection.lived_s()
        self._on_ended(ended, traffic, fresh)

    def _new_traffic(self, websocket: WebSocket) -> SpeakTraffic[Any]:
        options = self._options
        rules: SpeakRules[Any] = (
            SpeakV2Rules(options) if isinstance(options, SpeakV2Options) else SpeakV1Rules(options)
        )
        bytes_per_s = options.output_rate * self._sample_bytes
        return SpeakTraffic(
            websocket,
            rules,
            self._next_request,
            self._settings,
            self.stats,
            audio_limit_bytes=int(self._settings.audio_limit_s * bytes_per_s),
            has_header=options.encoding == "linear16",
        )

    def _on_ended(self, ended: Ended, traffic: SpeakTraffic[Any], fresh: bool) -> None:
        """Decide what the end of a connection means for the request that was being spoken."""
        self.machine.step(self._ending(ended, traffic))
        if traffic.progressed:
            self._backoff.succeeded()
            self._outage_until = 0.0
        request = self._next_request()
        if request is None or traffic.retired:
            return
        throttled = ended.ending is Ending.THROTTLED
        delay_s = self._backoff.ended(
            lived_s=ended.lived_s, progressed=traffic.progressed, throttled=throttled
        )
        request.resends += 1
        error = ended.error or ConnectionLost(ABNORMAL, "it ended without a reason")
        last = request.resends > self._settings.max_resends or (fresh and not traffic.progressed)
        if ended.ending is Ending.REJECTED or delay_s is None or last:
            self._rest(delay_s)
            self.stats.failed += 1
            request.fail(error)
            return
        self.stats.resends += 1
        if ended.ending not in (Ending.ROTATED, Ending.UNUSED):
            self._try_again(delay_s, error)

    def _ending(self, ended: Ended, traffic: SpeakTraffic[Any]) -> Ending:
        """The ending as the table of states has it."""
        if traffic.retired and self.machine.accepting:
            return Ending.ROTATED  # we asked for it, because of its age
        if ended.ending is Ending.REJECTED:
            return Ending.LOST  # a request was rejected: the session serves on
        return ended.ending

    def _try_again(self, delay_s: float, error: SpeechwireError) -> None:
        self._not_before = self._now() + delay_s
        event = Reconnecting(attempt=self._backoff.attempts, delay_s=delay_s, error=error)
        _logger.warning("%s", event)
        if self._tell is None:
            return
        try:
            self._tell(event)
        except (Exception, asyncio.CancelledError) as fault:
            _logger.error("on_retry failed", exc_info=fault)

    def _rest(self, delay_s: float | None) -> None:
        """After giving up: the next request tries at once, but not in a storm, and not for long."""
        policy = self._settings.backoff
        self._backoff.succeeded()
        self._not_before = self._now() + min(policy.base_s if delay_s is None else delay_s, policy.base_s)
        self._outage_until = self._now() + policy.cap_s

    def _on_fault(self, fault: BaseException) -> None:
        _logger.error("a speaking session failed by a fault of speechwire's own", exc_info=fault)
        happening = Attempt.UNREACHABLE if self.machine.state is State.CONNECTING else Ending.FAULTED
        if self.machine.allows(happening):
            self.machine.step(happening)
        self._rest(None)
        self._fail_all(InternalError(fault))

    # Requests

    def _next_request(self) -> SpeakRequest | None:
        while self._requests and self._requests[0].done:
            self._requests.popleft()
        return self._requests[0] if self._requests else None

    def _is_wanted(self) -> bool:
        """Whether anybody waits for a connection."""
        awaited = any(not waiter.done() for waiter in self._waiters)
        return self.machine.accepting and (awaited or self._next_request() is not None)

    def _fail_all(self, error: SpeechwireError) -> None:
        requests, self._requests = self._requests, deque()
        for request in requests:
            self.stats.failed += not request.done
            request.fail(error)
        self._settle_waiters(error)

    def _settle_waiters(self, error: SpeechwireError | None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def _open_websocket(dialer: Dialer, url: str) -> WebSocket:
    """One attempt."""
    try:
        return await dialer._limited(url)
    except SpeechwireError:
        raise
    except Exception as fault:
        raise InternalError(fault) from fault
