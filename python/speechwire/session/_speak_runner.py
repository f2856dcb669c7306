"""The task of a speaking session: it opens connections, and decides what follows when one ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from speechwire.errors import (
    ConnectionLost,
    InternalError,
    SessionClosed,
    SpeechwireError,
)
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session._connection import Ended
from speechwire.session._connector import Access, Connector
from speechwire.session._loop_binding import LoopBinding
from speechwire.session._patience import Patience
from speechwire.session._signal import Signal
from speechwire.session._speak_queue import SpeakQueue
from speechwire.session._speak_traffic import SpeakTraffic
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session._speak_v2_rules import SpeakV2Rules
from speechwire.session._states import Attempt, Ending, Operation, State, StateMachine
from speechwire.session.events import Reconnecting
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import ABNORMAL, WebSocket

__all__ = ["SpeakRunner"]

_CLOSED: Final = "the session has been closed"
_CANCELLED: Final = "the session's task was cancelled: make a new session"

_logger = logging.getLogger("speechwire.session")


class SpeakRunner:
    """Speaks the requests in their order, over as many connections as needed.

    Args:
        dialing: How to reach the service.
        url: The URL to connect to.
        options: The voice and the audio format.
        settings: Limits and deadlines.
        tell: Called before each further attempt.

    Attributes:
        machine: The session's state.
        stats: The counters.
        binding: The event loop that the session belongs to.
        task: The task; ``None`` before the first request or connect.
    """

    def __init__(
        self,
        access: Access,
        url: str,
        options: SpeakV1Options | SpeakV2Options,
        settings: SpeakSettings,
        tell: Callable[[Reconnecting], None] | None,
    ) -> None:
        self.machine = StateMachine()
        self.stats = SpeakStats()
        self.binding = LoopBinding(SessionClosed)
        self.check_loop = self.binding.check
        self.task: asyncio.Task[None] | None = None
        self._access = access
        self._url = url
        self._options = options
        self._settings = settings
        self._tell = tell
        self._sample_bytes = 2 if options.encoding == "linear16" else 1
        self._queue = SpeakQueue(settings.request_limit, self.stats)
        self._changed = Signal()
        self._traffic: SpeakTraffic[Any] | None = None
        self._patience = Patience(settings.backoff, access.uniform)
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
        self._queue.check_room()
        self._begin(Operation.REQUEST)
        request = SpeakRequest(self, sample_bytes=self._sample_bytes, text_limit=self._settings.text_limit)
        self._queue.add(request)
        self.wake()
        return request

    async def connect(self) -> None:
        """Wait for a connection.

        Raises:
            SpeechwireError: No connection could be opened, or the session is over.
        """
        self._begin(Operation.CONNECT)
        if self.machine.state is State.READY:
            return
        self.wake()
        await self._queue.connected()

    async def aclose(self) -> None:
        """Fail open requests, ask the service to close the connection, and wait briefly for that."""
        if self.binding.elsewhere:
            if self.machine.state is not State.SHUTDOWN:
                self._leave()
            return
        self.machine.step(Operation.CLOSE)
        self._queue.fail(SessionClosed(_CLOSED))
        if self.task is None:
            if self.machine.state is State.DRAINING:
                self.machine.step(Attempt.DRAINED)
            return
        patience_s = self._ask_for_the_end()
        try:
            await asyncio.wait({self.task}, timeout=patience_s)
        finally:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _ask_for_the_end(self) -> float:
        """Ask the service to end the connection; return for how many seconds to wait."""
        traffic = self._traffic
        self._changed.notify()
        if traffic is None:
            return 0.0
        traffic.retire()
        # If a send waits because the service does not read, it will not read this either.
        return self._settings.close_timeout_s if traffic.connection.sending_since is None else 0.0

    def _begin(self, operation: Operation) -> None:
        """Record an operation that needs the task, and start the task."""
        self.binding.check()
        if not self.machine.allows(operation):
            raise SessionClosed(self._over_because)
        self.machine.step(operation)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    def _leave(self) -> None:
        """End the session without waiting: its event loop has ended or is not running."""
        self.binding.leave()
        self._over_because = _CANCELLED
        self.machine.step(Operation.CANCEL)
        self._queue.abandon(SessionClosed(_CANCELLED))
        if self.task is not None and not self.binding.ended:
            self.task.cancel()

    # For requests

    def wake(self) -> None:
        """Wake the task and the connection: there is something to do."""
        self._changed.notify()
        if self._traffic is not None:
            self._traffic.connection.wake()

    def on_interrupt(self, request: SpeakRequest, heard_s: float | None) -> None:
        """A request was interrupted after `heard_s` seconds of it were heard; ``None`` if not known."""
        self.machine.step(Operation.INTERRUPT)
        self.stats.interrupted += 1
        if self._traffic is not None:
            self._traffic.stop(request, heard_s)
        self._changed.notify()

    # The task

    async def _run(self) -> None:
        connector = Connector(self._access, self._settings.connect_timeout_s, self.stats)
        try:
            while await self._has_work():
                await self._serve(connector)
            self.machine.step(Attempt.DRAINED)
        except asyncio.CancelledError:
            if self.machine.accepting:
                self._over_because = _CANCELLED
                self.machine.step(Operation.CANCEL)
            elif self.machine.allows(Attempt.DEADLINE):  # else it was closed from another event loop
                self.machine.step(Attempt.DEADLINE)
            raise
        finally:
            if not self.binding.ended:
                self._queue.fail(SessionClosed(self._over_because))
                await connector.aclose()

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; return false when the session is closing."""
        while self.machine.accepting:
            if self._is_wanted():
                return True
            await self._changed.wait()
        return False

    async def _serve(self, connector: Connector) -> None:
        """Make one attempt and serve its connection. A failure here does not end the session."""
        try:
            if not await self._pause():
                return
            short = self._patience.is_short(self._now())
            websocket = await self._open(connector, short)
            if websocket is not None:
                await self._converse(websocket, short)
        except asyncio.CancelledError as fault:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._on_fault(fault)  # a cancellation raised by a function we called, not of this task
        except Exception as fault:
            if self.binding.ended:
                raise  # the loop is closed and the task is being garbage collected
            self._on_fault(fault)

    async def _pause(self) -> bool:
        """Wait until an attempt may begin; return false when none is wanted any more."""
        while self._is_wanted() and (left_s := self._patience.not_before - self._now()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self._is_wanted()

    async def _open(self, connector: Connector, short: bool) -> WebSocket | None:
        self.machine.step(Attempt.DIAL)
        try:
            websocket = await connector.open(lambda: self._url)
        except SpeechwireError as error:
            self.machine.step(Attempt.UNREACHABLE)
            delay_s = self._patience.unreachable(error, self._now(), short=short)
            if delay_s is None:
                self._queue.fail(error)
            else:
                self._tell_of_retry(delay_s, error)
            return None
        self.machine.step(Attempt.OPENED)
        return websocket

    async def _converse(self, websocket: WebSocket, short: bool) -> None:
        try:
            self._traffic = traffic = self._new_traffic(websocket)
        except BaseException:
            websocket.abort()
            raise
        self._queue.opened()
        if not self.machine.accepting:
            traffic.retire()
        try:
            ended = await traffic.connection.run()
        finally:
            self._traffic = None
            self.stats.connected_s += traffic.connection.lived_s()
        self._on_ended(ended, traffic, short)

    def _new_traffic(self, websocket: WebSocket) -> SpeakTraffic[Any]:
        options = self._options
        rules = SpeakV2Rules(options) if isinstance(options, SpeakV2Options) else SpeakV1Rules(options)
        return SpeakTraffic[Any](
            websocket,
            rules,
            self._queue.first,
            self._settings,
            self.stats,
            bytes_per_s=options.output_rate * self._sample_bytes,
            has_header=options.encoding == "linear16",
        )

    def _on_ended(self, ended: Ended, traffic: SpeakTraffic[Any], short: bool) -> None:
        """Decide whether the request that was being spoken is retried or fails."""
        self.machine.step(self._ending(ended, traffic))
        if traffic.progressed:
            self._patience.succeeded()
        request = self._queue.first()
        if request is None or traffic.retired:
            return
        request.resends += 1
        error = ended.error or ConnectionLost(ABNORMAL, "it ended without a reason")
        delay_s = self._patience.ended(
            self._now(),
            lived_s=ended.lived_s,
            progressed=traffic.progressed,
            throttled=ended.ending is Ending.THROTTLED,
            short=short,
        )
        if ended.ending is Ending.REJECTED or request.resends > self._settings.max_resends:
            self._patience.give_up(self._now())
            delay_s = None
        if delay_s is None:
            self.stats.failed += 1
            request.fail(error)
            return
        self.stats.resends += 1
        if ended.ending in (Ending.ROTATED, Ending.UNUSED):
            self._patience.not_before = 0.0
        else:
            self._tell_of_retry(delay_s, error)

    def _ending(self, ended: Ended, traffic: SpeakTraffic[Any]) -> Ending:
        """The ending as the table of states has it."""
        if traffic.retired and self.machine.accepting:
            return Ending.ROTATED  # we asked for it, because of its age
        if ended.ending is Ending.REJECTED:
            return Ending.LOST  # only a request was rejected: the session goes on
        return ended.ending

    def _tell_of_retry(self, delay_s: float, error: SpeechwireError) -> None:
        """Tell that another attempt will follow."""
        event = Reconnecting(attempt=self._patience.attempts, delay_s=delay_s, error=error)
        _logger.warning("%s", event)
        if self._tell is None:
            return
        try:
            self._tell(event)
        except (Exception, asyncio.CancelledError) as fault:
            _logger.error("on_retry failed", exc_info=fault)

    def _on_fault(self, fault: BaseException) -> None:
        _logger.error("a speaking session failed by a fault of speechwire's own", exc_info=fault)
        happening = Attempt.UNREACHABLE if self.machine.state is State.CONNECTING else Ending.FAULTED
        if self.machine.allows(happening):
            self.machine.step(happening)
        self._patience.give_up(self._now())
        self._queue.fail(InternalError(fault))

    def _is_wanted(self) -> bool:
        """Whether a request or a caller needs a connection."""
        return self.machine.accepting and not self._queue.is_empty

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
