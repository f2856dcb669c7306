"""Opens one connection after the other, as long as there is audio to send or to cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from speechwire.errors import SessionClosed
from speechwire.session._connection import Ended
from speechwire.session._deaths import Deaths
from speechwire.session._dialing import Dialing, Opened
from speechwire.session._last_results import LastResults
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._states import Attempt, Ending, StateMachine
from speechwire.session._wakeup import Wakeup
from speechwire.session.events import Reconnected, SessionEvent

__all__ = ["Conversation"]

EventT = TypeVar("EventT")

_QUIET_S: Final = 2.0


class Conversation(Generic[EventT]):
    """Runs a session's connections one after the other, and decides after each whether another follows.

    Args:
        shared: What the connections have in common.
        machine: The session's state.
        wakeup: Makes the session's task wait.
        last_results: Knows whether everything is done.
        watch: Called with true when a connection has been opened, with false when it has ended.
        emit: Takes events.
        now: Returns the loop's time.

    Attributes:
        traffic: The traffic of the open connection; ``None`` without one.
        next: A connection that is open already and follows the current one; ``None`` without one.
        connect_wanted: Whether to connect although there is no audio.
    """

    def __init__(
        self,
        shared: Shared[EventT],
        machine: StateMachine,
        wakeup: Wakeup,
        last_results: LastResults[EventT],
        watch: Callable[[bool], None],
        emit: Callable[[SessionEvent], None],
        now: Callable[[], float],
    ) -> None:
        self.traffic: ListenTraffic[EventT] | None = None
        self.next: Opened | None = None
        self.connect_wanted = True  # the first handshake need not wait for the first whole chunk
        self._shared = shared
        self._rules = shared.rules
        self._options = shared.options
        self._audio = shared.audio
        self._ring = shared.audio.ring
        self._machine = machine
        self._wakeup = wakeup
        self._last_results = last_results
        self._watch = watch
        self._emit = emit
        self._now = now
        self._last: _Last | None = None
        self._deaths = Deaths(shared.audio.rate.frame_rate)

    @property
    def is_over(self) -> bool:
        """Whether no connection is open and none is needed."""
        return self.traffic is None and self.next is None and not self._has_audio()

    def _has_audio(self) -> bool:
        """Whether there is audio for which to open a connection."""
        wanted = self._shared.draining() or self._last is None or self._ring.end > self._last.unused_end
        return wanted and self._ring.is_unanswered

    async def live(self, dialing: Dialing) -> None:
        """Wait for audio, connect, and repeat; return when the session closes and everything is done.

        Raises:
            SpeechwireError: Why no further connection is tried.
        """
        while await self._has_work():
            opened, self.next = self.next, None
            opened = opened or await dialing.attempt()
            if opened is not None and not await self._converse(opened, dialing):
                return

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; return false when the session is closing without one."""
        while not (self._machine.over or self.next or self.connect_wanted or self._has_audio()):
            if self._shared.draining():
                self._last_results.shown = True
                return False
            await self._wakeup.look()
        return not self._machine.over

    async def _converse(self, opened: Opened, dialing: Dialing) -> bool:
        """Run one connection; return whether another may follow."""
        self.connect_wanted = False
        traffic = self.traffic = self._begin(opened, dialing)
        self._machine.changed.notify()
        self._watch(self._rules.resumable(self._options.wanted))
        try:
            ended = await traffic.connection.run()
        finally:
            self.traffic = None
            self._ring.close()
            self._watch(False)
            self._audio.stats.connected_s += traffic.connection.lived_s()
            traffic.end()
            self._machine.changed.notify()
        self._machine.step(ended.ending)
        finished = traffic.has_finished(ended)
        self._last_results.shown = self._last_results.shown or finished
        if finished:
            dialing.end_outage()
        if self._last_results.shown:
            return False
        return await self._carry_on(traffic, ended, dialing)

    def _begin(self, opened: Opened, dialing: Dialing) -> ListenTraffic[EventT]:
        websocket, snapshot = opened
        last = self._last
        self._audio.bound_repeats()
        if last is not None and not dialing.is_outage:
            self._emit(Reconnected(request_id=websocket.request_id, replayed_s=last.replayed_s))
        elapsed_s = self._now() - last.first_opened_at if last else 0.0
        careful = last is not None and not last.progressed
        return ListenTraffic(websocket, self._shared, snapshot.number, elapsed_s, careful=careful)

    async def _carry_on(self, traffic: ListenTraffic[EventT], ended: Ended, dialing: Dialing) -> bool:
        """After a connection that left work, wait until the next may begin; return whether one follows."""
        error = ended.error or SessionClosed("the service ended the stream")
        if ended.ending is Ending.REJECTED:
            raise error
        self._last = self._conclude(traffic, ended)
        if ended.ending is Ending.REPLACED:
            return True
        self._options.adopt()
        if traffic.sending.finishing or self._last_results.asked_again:
            if not await self._last_results.may_ask_again():
                return False
            dialing.again_at_once(ended.error)
            return True
        if ended.ending in (Ending.UNUSED, Ending.ROTATED) and not dialing.is_quick(ended):
            dialing.again_at_once(ended.error)
            return True
        if self._audio.has_sent and not self._rules.resumable(self._options.wanted):
            self._machine.step(Attempt.ABANDONED)
            raise error
        await dialing.lost(ended, error, progressed=self._last.progressed or self._last.relieved)
        return not self._machine.over

    def _conclude(self, traffic: ListenTraffic[EventT], ended: Ended) -> _Last:
        """Prepare the replay, and return what the next connection must know of this one."""
        ring = self._ring
        if traffic.settled() and self._now() - ring.last_push_at >= _QUIET_S:
            ring.acknowledge(ring.end)  # if the audio held a word, a result would have come by now
        replaced = ended.ending is Ending.REPLACED
        failed = not replaced and ring.is_unanswered
        sent_to = ring.next_position
        replayed_s = self._audio.rewind(replaced=replaced)
        failed_early = failed and not self._shared.draining()
        deadly_to = self._deaths.ended(sent_to, traffic.gain_s, traffic.unheard_s, failed=failed_early)
        if deadly_to:
            self._audio.give_up_repeats(deadly_to)
        first_opened_at = self._last.first_opened_at if self._last else self._now() - ended.lived_s
        unused_end = ring.end if ended.ending is Ending.UNUSED else 0
        progressed = traffic.got_further or not failed
        return _Last(first_opened_at, replayed_s, unused_end, progressed, relieved=deadly_to > 0)


class _Last:
    """What is known of the earlier connections.

    Attributes:
        first_opened_at: When the first one was opened.
        replayed_s: Seconds of audio that are sent again.
        unused_end: Audio before this position is no reason to connect.
        progressed: Whether results of the last one got further than those before.
        relieved: Whether the audio at which connections failed has been given up.
    """

    __slots__ = ("first_opened_at", "progressed", "relieved", "replayed_s", "unused_end")

    def __init__(
        self, first_opened_at: float, replayed_s: float, unused_end: int, progressed: bool, *, relieved: bool
    ) -> None:
        self.first_opened_at = first_opened_at
        self.replayed_s = replayed_s
        self.unused_end = unused_end
        self.progressed = progressed
        self.relieved = relieved
