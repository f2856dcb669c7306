"""The one task of a listening session: from the first audio to the last result, over all connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, NoReturn, TypeVar

from speechwire.errors import InternalError, LocalProtocolError, SessionClosed, SpeechwireError
from speechwire.session._connection import Ended, clock
from speechwire.session._connector import Access
from speechwire.session._dialing import Dialing, Opened
from speechwire.session._event_queue import EventQueue
from speechwire.session._intake import Intake
from speechwire.session._last_results import LastResults
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._loop_binding import LoopBinding
from speechwire.session._options_state import OptionsState
from speechwire.session._rules import ListenRules
from speechwire.session._states import Attempt, Ending, Operation, State, StateMachine
from speechwire.session._wakeup import Wakeup
from speechwire.session.events import Reconnected, SessionEnded, SessionEvent
from speechwire.session.settings import ListenSettings

__all__ = ["Runner"]

EventT = TypeVar("EventT")

_logger = logging.getLogger("speechwire.session")

_QUIET_S: Final = 2.0
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
        machine: The session's state.
        error: Why the session failed for good.
        intake: The audio.
        options: What is wanted, against what connections have.
        dialing: Opens connections, once the task has begun.
        traffic: Of the connection that is open.
        binding: The event loop the session belongs to, from its first use on.
        now: The loop's clock.
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
        self.machine = StateMachine()
        self.error: BaseException | None = None
        self.intake = Intake(rules.byte_rate(options), settings, self.events.put)
        self.options: OptionsState[Any] = OptionsState(options)
        self.dialing: Dialing | None = None
        self.traffic: ListenTraffic[EventT] | None = None
        self.now: Callable[[], float] = self._bind
        self._rules = rules
        self._base_url = base_url
        self._access = access
        self._settings = settings
        self._flush_converter = flush_converter
        self._watch = watch
        self._wakeup = Wakeup()
        self.binding = LoopBinding("session", LocalProtocolError)
        self._task: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._connect_wanted = False
        self._next: Opened | None = None
        self._last: _Last | None = None
        self._last_results: LastResults[EventT] = LastResults(self.events.put, self.in_background)
        self._shared = Shared(
            rules=rules,
            options=self.options,
            intake=self.intake,
            settings=settings,
            deliver=self.events.pass_on,
            flush_converter=self._append_rest,
            draining=self._is_draining,
            became_stable=self._end_outage,
            fell_silent=self._ask_beside,
        )

    # What the session calls

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        return self.machine.state is State.SHUTDOWN

    def check_loop(self) -> None:
        """Raise in another event loop than the session's, or without one.

        Raises:
            SessionClosed: The session's has ended.
            LocalProtocolError: The session's still exists.
            RuntimeError: No loop is running.
        """
        if self.binding.ended:
            if not self.over:  # nothing can be sent, and nobody can be woken
                self.machine.step(Operation.CANCEL)
                self.error = SessionClosed(_LOOP_ENDED)
            self.refuse()
        self.binding.check()

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
        self.intake.push(chunks, now, self.traffic)
        if self.traffic is None or self.intake.log.waiting:
            self.start()

    def start(self, *, connect: bool = False) -> None:
        """Start the task if need be, and let it look for work; ``connect`` even without audio.

        The first start connects in any case: the handshake need not wait for the first whole chunk.
        """
        self._connect_wanted = self._connect_wanted or connect or self._task is None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._note_done)
        self.notify()

    def notify(self, *, hurry: bool = False) -> None:
        """Let the task look for work."""
        self._wakeup.notify(hurry=hurry)
        if self.traffic is not None:
            self.traffic.connection.wake()

    async def connect(self) -> None:
        """Wait for a connection; raises what the attempts raise when they are used up."""
        seen = 0 if self.dialing is None else self.dialing.failures
        if self.traffic is None:
            self.start(connect=True)
            self.notify(hurry=self.dialing is not None and self.dialing.is_outage)
        while self.traffic is None:
            await self.machine.changed.wait()
            if self.over:
                raise self.error or SessionClosed("the session was closed while connecting")
            dialing = self.dialing
            if dialing is not None and dialing.is_outage and dialing.failures > seen and dialing.error:
                raise dialing.error

    @property
    def is_dialing(self) -> bool:
        """Whether a connection is being opened whose options can no longer be changed."""
        return self.traffic is None and self.dialing is not None and self.dialing.is_fixed

    def replace(self, traffic: ListenTraffic[EventT], opened: Opened) -> bool:
        """Go on with this connection in place of that one; false if that one is not in use any more."""
        if self.traffic is not traffic or self.machine.state is not State.READY:
            return False
        self._next = opened
        self.options.made(opened[1])
        if self.dialing is not None:
            self.dialing.connector.hand_over(traffic.connection.websocket, opened[0])
        traffic.connection.end(Ending.REPLACED)
        return True

    def in_background(self, task: asyncio.Task[None]) -> None:
        """Have a task cancelled when the session closes."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def close_input(self) -> None:
        """Take no more audio: the session is closing."""
        self._append_rest()
        self.machine.step(Operation.CLOSE)
        self._watch(False)
        self._stop_changes(SessionClosed("the session has been closed"))
        self.notify(hurry=True)

    async def close(self) -> None:
        """Finish what is queued within the deadline, then end."""
        if self._task is None:
            if not self.over:
                self._last_results.shown = True
                self.machine.step(Attempt.DRAINED)
                self._end(None)
            return
        nothing_left = self.traffic is None and self._next is None and not self._has_audio()
        try:
            await asyncio.wait({self._task}, timeout=0 if nothing_left else self._settings.drain_timeout_s)
        finally:
            if not self._task.done():
                self._last_results.shown = self._last_results.shown or nothing_left
                if not self.over:
                    self.machine.step(Attempt.DEADLINE)
                self._task.cancel()
                await asyncio.wait({self._task})

    # The task

    async def _run(self) -> None:
        error: BaseException | None = None
        dialing = self.dialing = Dialing(
            self._access,
            self._base_url,
            self._settings,
            self.options,
            self.machine,
            self.intake,
            self._wakeup,
            self.now,
            self.events.put,
        )
        drained = False
        try:
            await self._live(dialing)
            drained = True
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
                self.machine.step(Attempt.DRAINED if drained else Operation.CANCEL)
            if not self.binding.ended:  # else it is being thrown away
                self._end(error)
                await dialing.connector.aclose()

    async def _live(self, dialing: Dialing) -> None:
        while await self._has_work():
            opened, self._next = self._next, None
            opened = opened or await dialing.attempt()
            if opened is not None and not await self._converse(opened, dialing):
                return

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing and there is none."""
        while not (self.over or self._next or self._connect_wanted or self._has_audio()):
            if self._is_draining():
                self._last_results.shown = True
                return False
            await self._wakeup.look()
        return not self.over

    def _has_audio(self) -> bool:
        """Whether there is audio that wants a connection."""
        log = self.intake.log
        unused_end = self._last.unused_end if self._last else 0
        return (self._is_draining() or log.end > unused_end) and log.unanswered

    async def _converse(self, opened: Opened, dialing: Dialing) -> bool:
        """Live through one connection; returns whether there may be another."""
        self._connect_wanted = False
        traffic = self.traffic = self._begin(opened, dialing)
        self.machine.changed.notify()
        self._watch(self._rules.resumable(self.options.wanted))
        try:
            ended = await traffic.connection.run()
        finally:
            self.traffic = None
            self._watch(False)
            self.intake.stats.connected_s += traffic.connection.lived_s()
            traffic.advance()
            self.machine.changed.notify()
        self.machine.step(ended.ending)
        finished = traffic.has_finished(ended)
        self._last_results.shown = self._last_results.shown or finished
        if self._last_results.shown:
            return False
        return await self._carry_on(traffic, ended, dialing)

    def _begin(self, opened: Opened, dialing: Dialing) -> ListenTraffic[EventT]:
        websocket, number = opened
        last = self._last
        self.intake.bound_repeats()
        if last is not None and not dialing.is_outage:
            self.events.put(Reconnected(request_id=websocket.request_id, replayed_s=last.replayed_s))
        elapsed_s = self.now() - last.first_opened_at if last else 0.0
        careful = last is not None and not last.progressed
        return ListenTraffic(websocket, self._shared, number, elapsed_s, careful=careful)

    async def _carry_on(self, traffic: ListenTraffic[EventT], ended: Ended, dialing: Dialing) -> bool:
        """What the end of a connection means that was not all there was to do."""
        error = ended.error or SessionClosed("the service ended the stream")
        if ended.ending is Ending.REJECTED:
            raise error
        self._last = self._conclude(traffic, ended)
        if ended.ending is Ending.REPLACED:
            return True
        self.options.adopt()
        if traffic.finishing or self._last_results.asked_again:
            if not await self._last_results.may_ask_again():
                return False
            dialing.again_at_once(ended.error)
            return True
        if ended.ending in (Ending.UNUSED, Ending.ROTATED) and not dialing.is_quick(ended):
            dialing.again_at_once(ended.error)
            return True
        if self.intake.stats.sent_bytes and not self._rules.resumable(self.options.wanted):
            self.machine.step(Attempt.ABANDONED)
            raise error
        await dialing.lost(ended, error, progressed=self._last.progressed)
        return not self.over

    def _conclude(self, traffic: ListenTraffic[EventT], ended: Ended) -> _Last:
        """What the next connection has to know of this one."""
        log = self.intake.log
        if log.unanswered and traffic.settled() and self.now() - self.intake.input.last_at >= _QUIET_S:
            log.acknowledge(log.end)  # a word would have been heard by now
        replayed_s = self.intake.rewind(got_further=traffic.got_further)
        first_opened_at = self._last.first_opened_at if self._last else self.now() - ended.lived_s
        unused_end = log.end if ended.ending is Ending.UNUSED else 0
        replaced = ended.ending is Ending.REPLACED
        progressed = traffic.got_further or replaced or not log.unanswered
        return _Last(first_opened_at, replayed_s, unused_end, progressed)

    # The end

    def _end(self, error: BaseException | None) -> None:
        self.error = self.error or error
        self._stop_changes(error or SessionClosed("the session has been closed"))
        self._append_rest()
        self._report_end()
        self.events.end(error)
        self.machine.changed.notify()

    def _stop_changes(self, reason: BaseException) -> None:
        for task in self._background:
            task.cancel()
        self.options.fail(reason)

    def _report_end(self) -> None:
        intake = self.intake
        if not self._last_results.shown:
            intake.lose(intake.log.unanswered_bytes(), "failed" if self.error else "closed")
        self.events.put(
            SessionEnded(
                complete=self._last_results.shown and not intake.stats.lost_bytes,
                pushed_s=intake.seconds(intake.log.end),
                dropped_s=intake.seconds(intake.stats.lost_bytes),
                replayed_s=intake.seconds(intake.stats.replayed_bytes),
            )
        )

    def _note_done(self, task: asyncio.Task[None]) -> None:
        """A task that was cancelled before it began has not said how the session ended."""
        if not self.over:
            self.machine.step(Operation.CANCEL)
            self._end(SessionClosed("the session's task was cancelled"))

    # Inside

    def _bind(self) -> float:
        self.now = clock(asyncio.get_running_loop())
        return self.now()

    def _is_draining(self) -> bool:
        return self.machine.state is State.DRAINING

    def _ask_beside(self) -> None:
        if self.traffic is not None and self.dialing is not None:
            self._last_results.ask_beside(self._shared, self.traffic, self.dialing)

    def _end_outage(self) -> None:
        if self.dialing is not None:
            self.dialing.end_outage()

    def _append_rest(self) -> None:
        for chunk in self._flush_converter():
            self.intake.append(chunk)


class _Last:
    """What is known of the connections before."""

    __slots__ = ("first_opened_at", "progressed", "replayed_s", "unused_end")

    def __init__(self, first_opened_at: float, replayed_s: float, unused_end: int, progressed: bool) -> None:
        self.first_opened_at = first_opened_at
        self.replayed_s = replayed_s
        self.unused_end = unused_end
        self.progressed = progressed
