"""The one task of a listening session: from the first audio to the last result, over all connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, NoReturn, TypeVar

from speechwire.errors import InternalError, LocalProtocolError, SessionClosed, SpeechwireError
from speechwire.session._audio_log import AudioLog
from speechwire.session._connection import Ended, clock
from speechwire.session._connector import Access, Connector
from speechwire.session._event_queue import EventQueue
from speechwire.session._input_clock import InputClock
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._options_state import OptionsState
from speechwire.session._outage import Failures
from speechwire.session._rules import ByteRate, ListenRules
from speechwire.session._signal import Signal
from speechwire.session._states import Attempt, Ending, Operation, State, StateMachine
from speechwire.session.backoff import Backoff
from speechwire.session.events import (
    AudioDropped,
    OutageBegan,
    Reconnected,
    Reconnecting,
    SessionEnded,
    SessionEvent,
)
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings
from speechwire.transport import WebSocket

__all__ = ["Runner"]

EventT = TypeVar("EventT")

_logger = logging.getLogger("speechwire.session")

_COMPRESSED_BYTES: Final = 1 << 20
_WRONG_LOOP: Final = "the session belongs to another event loop: use it there, or make one in this loop"
_LOOP_ENDED: Final = "the session's event loop has ended: make a session in this one"


class Runner(Generic[EventT]):
    """Waits for audio, connects, lives through one connection after the other, and ends the event stream.

    Args:
        rules: The endpoint.
        options: What to ask the service for.
        base_url: Where the service is.
        access: How to reach it.
        settings: Limits and deadlines.
        flush_converter: Returns what is left in the session's converter.
        watch: Told when a connection has been opened (true) and when it has ended.

    Attributes:
        events: What the consumer reads.
        stats: Counters.
        machine: The session's state.
        error: Why the session failed for good.
        log: The audio.
        options: What is wanted, against what connections have.
        traffic: Of the connection that is open.
        stepped: Wakes whoever waits for another state.
    """

    def __init__(
        self,
        rules: ListenRules[EventT],
        options: Any,
        base_url: str,
        access: Access,
        settings: ListenSettings,
        flush_converter: Callable[[], list[bytes]],
        watch: Callable[[bool], None],
    ) -> None:
        self.events: EventQueue[EventT | SessionEvent] = EventQueue(settings.event_limit, rules.is_interim)
        self.stats = ListenStats()
        self.machine = StateMachine()
        self.error: BaseException | None = None
        self.options: OptionsState[Any] = OptionsState(options)
        self.traffic: ListenTraffic[EventT] | None = None
        self.stepped = Signal()
        self.rate = rules.byte_rate(options)
        self.log = AudioLog(
            frame_bytes=self.rate.frame_bytes,
            queue_bytes=max(self.rate.frame_bytes, _size(self.rate, settings.buffer_s)),
            replay_bytes=_size(self.rate, settings.replay_s) if self.rate.bytes_per_s else 0,
        )
        self.now: Callable[[], float] = self._bind
        self.connector: Connector
        self._rules = rules
        self._base_url = base_url
        self._access = access
        self._settings = settings
        self._flush_converter = flush_converter
        self._watch = watch
        self._failures = Failures(Backoff(settings.backoff, uniform=access.uniform), self._emit)
        self._input = InputClock(0.0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._connect_wanted = False
        self._hurry = False  # the next attempt is not to wait
        self._url_made = False  # the attempt under way has its URL
        self._next: tuple[WebSocket, int] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._shown = False  # results have shown that all is done
        self._asked_again = False
        self._careful = False  # the last connection came to nothing
        self._overflowing = False
        self._unused_end = 0
        self._replayed_bytes = 0
        self._first_opened_at: float | None = None
        self._shared = Shared(
            rules,
            self.log,
            self.options,
            self._input,
            settings,
            self.stats,
            self.rate,
            self.events.put,
            self._append_rest,
            self._is_draining,
            self._became_stable,
        )

    # What the session calls

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        return self.machine.state is State.SHUTDOWN

    def check_loop(self) -> None:
        """Raise `LocalProtocolError` in another event loop than the session's, `RuntimeError` without one."""
        if self._loop is None:
            self._bind()
        elif self._loop is not asyncio.get_running_loop():
            if self._loop.is_closed():
                self._abandon()
                self.refuse()
            raise LocalProtocolError(_WRONG_LOOP)

    def check_usable(self) -> None:
        """Raise as well `SessionClosed` once the session is closing or over."""
        self.check_loop()
        if not self.machine.accepting:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise `SessionClosed` with the reason."""
        if self.error is not None:
            raise SessionClosed(f"the session has failed: {self.error}") from self.error
        raise SessionClosed("the session has been closed")

    def push(self, chunks: list[bytes], now: float) -> None:
        """Send audio in this very call where that is possible, else queue it for the task."""
        traffic = self.traffic
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if traffic is not None and traffic.send_live(chunk, now):
                self._overflowing = False
            else:
                self.append(chunk)
        self._input.pushed(now, size / self.rate.bytes_per_s if self.rate.bytes_per_s else 0.0)
        if traffic is None or self.log.waiting:
            self.start()

    def append(self, chunk: bytes) -> None:
        """Queue audio, dropping the oldest beyond the bound; said once while it lasts."""
        dropped = self.log.append(chunk)
        if dropped:
            self.stats.lost_bytes += dropped
            if not self._overflowing:
                self._emit(AudioDropped(seconds=self._seconds(dropped), reason="buffer full"))
            self._overflowing = True
        elif self.log.is_half_empty:
            self._overflowing = False

    def start(self, *, connect: bool = False) -> None:
        """Start the task if need be, and let it look for work; ``connect`` even without audio.

        The first start connects in any case: the handshake need not wait for the first whole chunk.
        """
        self._connect_wanted = self._connect_wanted or connect or self._task is None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self.notify()

    def notify(self) -> None:
        """Let the task look for work."""
        self._changed.set()
        if self.traffic is not None:
            self.traffic.connection.wake()

    async def connect(self) -> None:
        """Wait for a connection; raises what the attempts raise when they are used up."""
        if self.traffic is not None:
            return
        seen = self._failures.count
        self._hurry = self._failures.is_outage
        self.start(connect=True)
        while self.traffic is None:
            await self.stepped.wait()
            if self.machine.state is State.SHUTDOWN:
                raise self.error or SessionClosed("the session was closed while connecting")
            error = self._failures.error
            if self._failures.is_outage and self._failures.count > seen and error is not None:
                raise error

    def has_handshake(self) -> bool:
        """Whether a connection is being opened whose options can no longer be changed."""
        return self._url_made and self.traffic is None

    async def dial(self, *, borrowed: bool = False) -> tuple[WebSocket, int]:
        """Open a connection with the options that are wanted when the attempt begins."""
        number = 0

        def url() -> str:
            nonlocal number
            number = self.options.latest
            self._url_made = self._url_made or not borrowed
            return str(self.options.wanted.url(self._base_url))

        websocket = await self.connector.open(url, borrowed=borrowed)
        if not borrowed:  # else it counts once it takes the place of the other
            self.options.made(number)
        return websocket, number

    def replace(self, traffic: ListenTraffic[EventT], connection: tuple[WebSocket, int]) -> bool:
        """Go on with this connection in place of that one; false if that one is not in use any more."""
        if self.traffic is not traffic or self.machine.state is not State.READY:
            return False
        self._next = connection
        self.connector.hand_over(traffic.connection.websocket, connection[0])
        self.options.made(connection[1])
        traffic.connection.end(Ending.REPLACED)
        return True

    def in_background(self, task: asyncio.Task[None]) -> None:
        """Have a task cancelled when the session closes."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def close_input(self) -> None:
        """Take no more audio: the session is closing."""
        if self.machine.accepting:
            self._step(Operation.CLOSE)
            self._hurry = True
            for task in self._background:
                task.cancel()
            self.options.fail(SessionClosed("the session has been closed"))

    async def close(self) -> None:
        """Finish what is queued within the deadline, then end."""
        if self._task is None:
            if not self.over:
                self._shown = True
                self._step(Attempt.DRAINED)
                self._end(None)
            return
        self.notify()
        nothing_left = self.traffic is None and self._next is None and not self._has_audio()
        try:
            await asyncio.wait({self._task}, timeout=0 if nothing_left else self._settings.drain_timeout_s)
        finally:
            if not self._task.done():
                self._shown = self._shown or nothing_left
                self._step(Attempt.DEADLINE)
                self._task.cancel()
                await asyncio.wait({self._task})

    # The task

    async def _run(self) -> None:
        error: BaseException | None = None
        self.connector = Connector(self._access, self._settings.connect_timeout_s, self.stats)
        try:
            await self._live()
            if not self.over:
                self._step(Attempt.DRAINED)
        except SpeechwireError as failure:
            error = failure
        except asyncio.CancelledError:
            if not self.over:  # not by us: all tasks of the loop are being cancelled, as at its end
                error = SessionClosed("the session's task was cancelled")
        except Exception as fault:
            _logger.error("a session failed by a fault of speechwire's own", exc_info=fault)
            error = InternalError(fault)
        finally:
            if not self.over:
                self._step(Operation.CANCEL)
            self._end(error)
            await self.connector.aclose()

    async def _live(self) -> None:
        while await self._has_work():
            connection, self._next = self._next, None
            connection = connection or await self._connect()
            if connection is not None and not await self._converse(*connection):
                return

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing and there is none."""
        while not (self._next or self._connect_wanted or self._has_audio()):
            if self._is_draining():
                self._shown = True
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def _has_audio(self) -> bool:
        return (self._is_draining() or self.log.end > self._unused_end) and self.log.unanswered

    async def _connect(self) -> tuple[WebSocket, int] | None:
        """Make one attempt; after one that failed wait until the next is due, or raise."""
        self._step(Attempt.DIAL)
        self._hurry = False
        pushes = self._input.pushes
        try:
            connection = await self.dial()
        except SpeechwireError as error:
            self._url_made = False
            await self._note_unreachable(error, pushes)
            return None
        finally:
            self._url_made = False
        self._connect_wanted = False
        self._step(Attempt.OPENED)
        return connection

    async def _note_unreachable(self, error: SpeechwireError, pushes: int) -> None:
        if not error.retryable:
            if self.options.refused(error):  # without the changes, which nobody had accepted, it may work
                self._step(Attempt.UNREACHABLE)
                return
            self._step(Attempt.REFUSED)
            raise error
        delay_s = self._failures.unreachable(error)
        self._step(Attempt.UNREACHABLE)
        self.options.adopt()
        await self._wait_to_retry(delay_s, error, pushes)

    async def _wait_to_retry(self, delay_s: float | None, error: SpeechwireError, pushes: int) -> None:
        if delay_s is not None and not self._failures.is_outage:
            delay_s = max(delay_s, self._overdraft_s())
            self._failures.say_retry(delay_s, error)
            await self._pause(delay_s)
            return
        if self._is_draining() or not self._settings.wait_out_outages:
            self._step(Attempt.ABANDONED)
            raise error
        self._failures.begin_outage(self.now(), error)
        self.stepped.notify()
        await self._pause(self._failures.patient_s())
        while self._input.pushes == pushes and not self._hurry:  # nobody speaks: nobody waits for it
            await self._look()

    async def _pause(self, delay_s: float) -> None:
        """Wait, unless the session is told to hurry."""
        deadline = self.now() + delay_s
        while (left_s := deadline - self.now()) > 0 and not self._hurry:
            try:
                async with asyncio.timeout(left_s):
                    await self._look()
            except TimeoutError:
                return

    async def _look(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _converse(self, websocket: WebSocket, number: int) -> bool:
        """Live through one connection; returns whether there may be another."""
        traffic = self.traffic = self._begin(websocket, number)
        self.stepped.notify()
        self._watch(self._rules.resumable(self.options.wanted))
        try:
            ended = await traffic.connection.run()
        finally:
            self.traffic = None
            self._watch(False)
            self.stats.connected_s += traffic.connection.lived_s()
            traffic.advance()
            self.stepped.notify()
        self._step(ended.ending)
        return await self._carry_on(traffic, ended)

    def _overdraft_s(self) -> float:
        """How long to wait until enough new audio has come for what was sent to be sent again."""
        return min(self._settings.backoff.cap_s, self._seconds(-(-self.log.overdrawn_bytes() // 3)))

    def _begin(self, websocket: WebSocket, number: int) -> ListenTraffic[EventT]:
        if self.log.overdrawn_bytes():
            self._note_lost(self.log.give_up_repeats())
        first = self._first_opened_at is None
        if self._first_opened_at is None:
            self._first_opened_at = self.now()
        elapsed_s = self.now() - self._first_opened_at
        traffic = ListenTraffic(websocket, self._shared, number, elapsed_s, careful=self._careful)
        if not first and not self._failures.is_outage:
            replayed_s = self._seconds(self._replayed_bytes)
            self._emit(Reconnected(request_id=websocket.request_id, replayed_s=replayed_s))
        return traffic

    async def _carry_on(self, traffic: ListenTraffic[EventT], ended: Ended) -> bool:
        """What the end of a connection means; returns whether there may be another."""
        if ended.ending is Ending.COMPLETE or (traffic.finishing and traffic.settled()):
            self._shown = True
            return False
        self._rewind(got_further=traffic.got_further or ended.ending is Ending.REPLACED)
        progressed = traffic.got_further or not self.log.unanswered
        self._careful = not progressed
        error = ended.error or SessionClosed("the service ended the stream")
        if ended.ending is Ending.REJECTED:
            raise error
        if ended.ending is Ending.REPLACED:
            return True
        if traffic.finishing:
            if self._asked_again:
                return False
            self._asked_again = True
            self._failures.say_retry(0.0, ended.error)
            return True
        if ended.ending is Ending.UNUSED:
            self._unused_end = self.log.end
        if ended.ending in (Ending.UNUSED, Ending.ROTATED) and not self._failures.is_quick(ended):
            self._failures.say_retry(0.0, ended.error)
            return True
        if self.stats.sent_bytes and not self._rules.resumable(self.options.wanted):
            self._step(Attempt.ABANDONED)
            raise error
        delay_s = self._failures.ended(ended, error, progressed=progressed)
        self.options.adopt()
        await self._wait_to_retry(delay_s, error, self._input.pushes)
        return True

    def _rewind(self, *, got_further: bool) -> None:
        queued = self.log.queued_bytes
        lost = self.log.rewind(got_further=got_further)
        self._replayed_bytes = self.log.queued_bytes - queued
        self._note_lost(lost)

    def _note_lost(self, lost: int) -> None:
        if lost:
            self.stats.lost_bytes += lost
            self._emit(AudioDropped(seconds=self._seconds(lost), reason="replay limit"))

    # The end

    def _end(self, error: BaseException | None) -> None:
        self.error = self.error or error
        self.options.fail(error or SessionClosed("the session has been closed"))
        for task in self._background:
            task.cancel()
        self._report_end()
        self.events.end(error)
        self.stepped.notify()

    def _report_end(self) -> None:
        if not self._shown and (lost := self.log.unanswered_bytes()):
            self.stats.lost_bytes += lost
            reason = "closed" if self.error is None else "failed"
            self._emit(AudioDropped(seconds=self._seconds(lost), reason=reason))
        self._emit(
            SessionEnded(
                complete=self._shown and not self.stats.lost_bytes,
                pushed_s=self._seconds(self.log.end),
                dropped_s=self._seconds(self.stats.lost_bytes),
                replayed_s=self._seconds(self.stats.replayed_bytes),
            )
        )

    def _abandon(self) -> None:
        """The event loop has ended without us: nothing can be sent, and nobody can be woken."""
        if not self.over:
            self.machine.step(Operation.CANCEL)
            self.error = SessionClosed(_LOOP_ENDED)

    # Inside

    def _bind(self) -> float:
        """The clock's first use: the session belongs to this event loop from now on."""
        self._loop = asyncio.get_running_loop()
        self.now = clock(self._loop)
        return self.now()

    def _step(self, happening: Operation | Attempt | Ending) -> None:
        self.machine.step(happening)
        self.stepped.notify()

    def _is_draining(self) -> bool:
        return self.machine.state is State.DRAINING

    def _became_stable(self) -> None:
        self._failures.end_outage(self.now())

    def _append_rest(self) -> None:
        for chunk in self._flush_converter():
            self.append(chunk)

    def _emit(self, event: SessionEvent) -> None:
        if isinstance(event, (Reconnecting, AudioDropped, OutageBegan)):
            _logger.warning("%s", event)
        self.events.put(event)

    def _seconds(self, size: int) -> float:
        return size / self.rate.bytes_per_s if self.rate.bytes_per_s else 0.0


def _size(rate: ByteRate, seconds: float) -> int:
    """Whole frames; a fixed size for audio whose length is unknown."""
    if not rate.bytes_per_s:
        return _COMPRESSED_BYTES
    return int(seconds * rate.bytes_per_s) // rate.frame_bytes * rate.frame_bytes
