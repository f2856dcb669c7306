"""The task of a listening session: its start, the calls that affect it, and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, NoReturn, TypeVar

from speechwire.errors import InternalError, LocalProtocolError, SessionClosed, SpeechwireError
from speechwire.session._connection import clock
from speechwire.session._connector import Access
from speechwire.session._conversation import Conversation
from speechwire.session._dialing import Dialing, Opened
from speechwire.session._event_queue import EventQueue
from speechwire.session._last_results import LastResults
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._loop_binding import LoopBinding
from speechwire.session._options_state import OptionsState
from speechwire.session._outgoing import OutgoingAudio
from speechwire.session._rules import ListenRules
from speechwire.session._states import Attempt, Ending, Operation, State, StateMachine
from speechwire.session._wakeup import Wakeup
from speechwire.session.converter import Converter
from speechwire.session.events import ChangeRefused, SessionEnded, SessionEvent
from speechwire.session.settings import ListenSettings

__all__ = ["Runner"]

EventT = TypeVar("EventT")

_logger = logging.getLogger("speechwire.session")

_CANCELLED: Final = "the session's task was cancelled, as at the end of its event loop: make a new session"
_LOOP_ENDED: Final = "the session's event loop has ended: make a session in this one"


class Runner(Generic[EventT]):
    """Starts with the first audio, runs one connection after the other, and ends the event stream.

    Args:
        rules: The endpoint's rules.
        options: The first options.
        base_url: The service's URL.
        access: How to reach the service.
        settings: Limits and deadlines.
        converter: Converts pushed audio to the audio that is sent.
        watch: Called with true when a connection has been opened, with false when it has ended.

    Attributes:
        events: The queue that the consumer reads.
        machine: The session's state.
        error: Why the session failed permanently; ``None`` if it has not.
        audio: The audio.
        options: The wanted options, and the changes not accepted yet.
        dialing: Opens connections; set when the task has started.
        conversation: The connections.
        binding: The event loop that the session belongs to from its first use on.
        now: Returns the loop's time.
    """

    def __init__(
        self,
        rules: ListenRules[EventT],
        options: Any,
        base_url: str,
        access: Access,
        settings: ListenSettings,
        converter: Converter | None,
        watch: Callable[[bool], None],
    ) -> None:
        self.events: EventQueue[EventT | SessionEvent] = EventQueue(settings.event_limit, rules.is_interim)
        self.machine = StateMachine()
        self.error: BaseException | None = None
        self.audio = OutgoingAudio(rules.byte_rate(options), settings, converter, self.events.put)
        self.options: OptionsState[Any] = OptionsState(options, self._report_refusal)
        self.dialing: Dialing | None = None
        self.now: Callable[[], float] = self._bind
        self._base_url = base_url
        self._access = access
        self._settings = settings
        self._watch = watch
        self._wakeup = Wakeup()
        self.binding = LoopBinding(LocalProtocolError)
        self._task: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._closing = 0  # the number of tasks that wait for the end
        self._last_results: LastResults[EventT] = LastResults(self.events.put, self.in_background)
        self._shared = Shared(
            rules=rules,
            options=self.options,
            audio=self.audio,
            settings=settings,
            deliver=self.events.pass_on,
            draining=self._is_draining,
            became_stable=self._end_outage,
            fell_silent=self._ask_beside,
        )
        self.conversation = Conversation(
            self._shared,
            self.machine,
            self._wakeup,
            self._last_results,
            watch,
            self.events.put,
            lambda: self.now(),
        )

    # What the session calls

    @property
    def over(self) -> bool:
        """Whether nothing will be sent or counted any more."""
        return self.machine.over

    @property
    def traffic(self) -> ListenTraffic[EventT] | None:
        """Of the connection that is open."""
        return self.conversation.traffic

    def check_loop(self) -> None:
        """Raise in another event loop than the session's, or without one.

        Raises:
            SessionClosed: The session's loop has ended.
            LocalProtocolError: The session's loop still exists.
            RuntimeError: No loop is running.
        """
        if self.binding.ended:
            if not self.over:  # without its loop the session can neither send nor wake a task
                self.machine.step(Operation.CANCEL)
                self.error = SessionClosed(_LOOP_ENDED)
            self.refuse()
        self.binding.check()

    def check_usable(self) -> None:
        """As :meth:`check_loop`; also raise `SessionClosed` once the session is closing or over."""
        self.check_loop()
        if not self.machine.accepting:
            self.refuse()
        self.machine.loop = self.binding.loop

    def refuse(self) -> NoReturn:
        """Raise `SessionClosed` with the reason."""
        raise self._why_closed()

    def pushed(self, messages: list[bytes], now: float) -> None:
        """Handle pushed audio that is not exactly one message to send now; see `AudioRing.push`."""
        traffic = self.traffic
        if traffic is not None:
            for message in messages:
                traffic.send_live(message, now)
        self.audio.report_dropped()
        if traffic is None or self.audio.ring.waiting:
            self.start()

    def start(self, *, connect: bool = False) -> None:
        """Start the task if it has not started, and wake it; with ``connect``, connect even without audio."""
        if connect:
            self.conversation.connect_wanted = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._note_done)
        self.notify()

    def notify(self, *, hurry: bool = False) -> None:
        """Wake the task."""
        self._wakeup.notify(hurry=hurry)
        if self.traffic is not None:
            self.traffic.connection.wake()

    async def connect(self) -> None:
        """Wait for a connection; when the attempts are used up, raise the error of the last one."""
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
        """Replace the connection of `traffic` by `opened`; return false if it is no longer in use."""
        if self.traffic is not traffic or self.machine.state is not State.READY:
            return False
        self.conversation.next = opened
        self.options.made(opened[1])
        if self.dialing is not None:
            self.dialing.connector.hand_over(traffic.connection.websocket, opened[0])
        traffic.connection.end(Ending.REPLACED)
        return True

    def in_background(self, task: asyncio.Task[None]) -> None:
        """Register a task to be cancelled when the session closes."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def close_input(self) -> None:
        """Take no more audio: the session is closing."""
        self.audio.flush_converter(at_end=True)
        self.machine.step(Operation.CLOSE)
        self._shared.close_by = self.now() + self._settings.drain_timeout_s
        if self.traffic is not None:
            self.traffic.hurry()
        self._watch(False)
        self._stop_changes(SessionClosed("the session has been closed"))
        self.notify(hurry=True)

    async def close(self) -> None:
        """Send what is queued, wait for the last results until the deadline, then end."""
        if self._task is None:
            if not self.over:
                self._last_results.shown = True
                self.machine.step(Attempt.DRAINED)
                self._end(None)
            return
        nothing_left = self.conversation.is_over
        self._closing += 1
        try:
            await asyncio.wait({self._task}, timeout=0 if nothing_left else self._settings.drain_timeout_s)
        except asyncio.CancelledError:
            if self._closing == 1:  # no other task waits for the last results
                await self._stop(self._task, nothing_left)
            raise
        else:
            await self._stop(self._task, nothing_left)
        finally:
            self._closing -= 1

    async def _stop(self, task: asyncio.Task[None], nothing_left: bool) -> None:
        """End a task that has not ended by the deadline."""
        if not task.done():
            self._last_results.shown = self._last_results.shown or nothing_left
            if not self.over:
                self.machine.step(Attempt.DEADLINE)
            task.cancel()
            await asyncio.wait({task})

    # The task

    async def _run(self) -> None:
        error: BaseException | None = None
        dialing = self.dialing = Dialing(
            self._access,
            self._base_url,
            self._settings,
            self.options,
            self.machine,
            self.audio,
            self._wakeup,
            self.now,
            self.events.put,
        )
        drained = False
        try:
            await self.conversation.live(dialing)
            drained = True
        except SpeechwireError as failure:
            error = failure
        except asyncio.CancelledError:
            if not self.over:  # cancelled from outside, as when asyncio.run ends
                error = SessionClosed(_CANCELLED)
        except Exception as fault:
            _logger.error("a session failed by a fault of speechwire's own", exc_info=fault)
            error = InternalError(fault)
        finally:
            if not self.over:
                self.machine.step(Attempt.DRAINED if drained else Operation.CANCEL)
            if not self.binding.ended:  # else the loop is closed and the task is being garbage collected
                self._end(error)
                await dialing.connector.aclose()

    # The end

    def _end(self, error: BaseException | None) -> None:
        self.error = self.error or error
        self._stop_changes(self._why_closed())
        self.audio.flush_converter(at_end=True)
        self._report_end()
        self.events.end(error)
        self.machine.changed.notify()

    def _stop_changes(self, reason: BaseException) -> None:
        for task in self._background:
            task.cancel()
        self.options.fail(reason)

    def _why_closed(self) -> SpeechwireError:
        if self.error is None:
            return SessionClosed("the session has been closed")
        closed = SessionClosed(f"the session has failed: {self.error}")
        closed.__cause__ = self.error
        return closed

    def _report_end(self) -> None:
        audio = self.audio
        if not self._last_results.shown:
            audio.lose(audio.ring.unanswered_frames(), "failed" if self.error else "closed")
        counters, frame_bytes = audio.counters(), audio.rate.frame_bytes
        self.events.put(
            SessionEnded(
                complete=self._last_results.shown and not counters.lost_bytes,
                pushed_s=audio.seconds(audio.ring.end),
                dropped_s=audio.seconds(counters.lost_bytes // frame_bytes),
                replayed_s=audio.seconds(counters.replayed_bytes // frame_bytes),
            )
        )

    def _report_refusal(self, event: ChangeRefused) -> None:
        _logger.warning("a change that was to hold on the next connection was refused: %s", event.error)
        self.events.put(event)

    def _note_done(self, task: asyncio.Task[None]) -> None:
        """Record the end of a task that was cancelled before it began, and so has not recorded it itself."""
        if not self.over:
            self.machine.step(Operation.CANCEL)
            self._end(SessionClosed(_CANCELLED))

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
