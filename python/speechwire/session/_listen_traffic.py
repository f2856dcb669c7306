"""Delivers the results of one connection of a listening session, and checks its deadlines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from speechwire.session._configuring import Configuring
from speechwire.session._connection import Connection, Ended
from speechwire.session._listen_sending import Sending
from speechwire.session._options_state import OptionsState
from speechwire.session._outgoing import OutgoingAudio
from speechwire.session._pause import Pause
from speechwire.session._progress import FLOWING_S, Progress
from speechwire.session._rules import ListenRules
from speechwire.session._signal import Signal
from speechwire.session._states import Ending
from speechwire.session._timeline import Timeline
from speechwire.session.settings import ListenSettings
from speechwire.transport import WebSocket

__all__ = ["ListenTraffic", "Shared"]

EventT = TypeVar("EventT")

_FURTHER_S: Final = 0.25  # results that get less far than this are no progress
_LAG_S: Final = 1.0  # results of a healthy service lag this much
_UNHEARD_S: Final = 0.02  # audio shorter than this cannot even end a word
_CAREFUL_BURST_S: Final = 1.5  # enough audio for a healthy service to answer
_UNREAD_S: Final = 1.0  # how long a closing session waits for a peer that does not read


@dataclass(slots=True)
class Shared(Generic[EventT]):
    """What the connections of one session have in common.

    Args:
        rules: The endpoint's rules.
        options: The wanted options.
        audio: The session's audio. The next connection sends again what was sent and not acknowledged.
        settings: Deadlines.
        deliver: Takes events.
        draining: Returns whether the session is closing.
        became_stable: Called once for each connection that lasts and makes progress.
        fell_silent: Called when nothing comes after the end was requested.
        stalled_in: The number of pushes at the last stall: within one pause of the caller, only one
            connection is given up for a stall.
        close_by: When a closing session ends in any case, on the loop's clock.
    """

    rules: ListenRules[EventT]
    options: OptionsState[Any]
    audio: OutgoingAudio
    settings: ListenSettings
    deliver: Callable[[EventT], None]
    draining: Callable[[], bool]
    became_stable: Callable[[], None]
    fell_silent: Callable[[], None]
    stalled_in: int = -1
    close_by: float = math.inf


class ListenTraffic(Generic[EventT]):
    """Delivers results, detects stalls of the service, and ends speech in the caller's pauses.

    Args:
        websocket: An open WebSocket.
        shared: What the session's connections have in common.
        told: The number of the last change of options that the connection was opened with.
        elapsed_s: Seconds since the session's first connection, the only clock for compressed audio.
        careful: Whether the connection before made no progress: send little until this one does.

    Attributes:
        connection: The tasks and the timer.
        sending: Sends audio and messages.
        send_live: Sends a message that the ring has counted as sent.
        got_further: Whether results got clearly beyond those of all connections before.
    """

    def __init__(
        self, websocket: WebSocket, shared: Shared[EventT], told: int, elapsed_s: float, *, careful: bool
    ) -> None:
        rules, settings, rate = shared.rules, shared.settings, shared.audio.rate
        options = shared.options.wanted
        rules.begin(options)
        idle_s = settings.keep_alive_s if rules.keep_alive_message else settings.ping_s
        self.connection = Connection(
            websocket, rules.protocol, self, send_timeout_s=settings.send_timeout_s, idle_s=idle_s
        )
        self.got_further = False
        self._stable = False
        self._over = False
        self._shared = shared
        self._rules = rules
        self._ring = shared.audio.ring
        self._stats = shared.audio.stats
        self._protocol = rules.protocol
        self._frame_rate = rate.frame_rate
        self._timeline = Timeline(self._ring, rate.frame_rate, elapsed_s)
        patience = rules.patience(options)
        self._careful = careful and patience <= 1.0
        now = self.connection.now()
        self._progress = Progress(settings.progress_timeout_s, patience, rules.probes, now)
        self._configuring = Configuring(
            rules, shared.options, told, settings.configure_timeout_s, self.connection.wake
        )
        burst_s = min(_CAREFUL_BURST_S, settings.replay_burst_s) if self._careful else settings.replay_burst_s
        self._ring.open(self._speed(), burst_s)
        self.sending = Sending(
            self.connection,
            rules,
            shared.audio,
            self._timeline,
            self._progress,
            self._configuring,
            shared.draining,
        )
        self.send_live = self.sending.send_live
        self._advanced = Signal()
        self._reached_before_s = rules.reported_s
        self._acknowledged_s = 0.0
        self._pause = Pause(settings.pause_after_s, self._ring)
        self._longest_turn_end_s = rules.longest_turn_end_s(options)

    # For the session

    def settled(self) -> bool:
        """Whether results cover all pushed audio, and no words lack a final result."""
        if self._rules.open_text or self._ring.waiting:
            return False
        return self.unheard_s <= _UNHEARD_S

    def has_finished(self, ended: Ended) -> bool:
        """Whether everything is done, now that the connection has ended."""
        if ended.ending is Ending.COMPLETE and (ended.was_said or not self._rules.needs_silence):
            return not (self._rules.open_text and self._rules.closes_text)
        return self.sending.finishing and self.settled()

    @property
    def gain_s(self) -> float:
        """How many seconds further results got than on earlier connections; minus infinity without any."""
        progress_s = self._protocol.progress_s
        return self._timeline.end_s(progress_s) - self._reached_before_s if progress_s > 0.0 else -math.inf

    def hurry(self) -> None:
        """Send what waits at full speed; when closing, fast enough for an answer before the deadline."""
        self._ring.pace(self._speed(), self._shared.settings.replay_burst_s)
        self.connection.wake()

    async def boundary(self, limit_s: float) -> None:
        """Wait for a moment between turns or utterances, or until nothing more can end one."""
        deadline = self.connection.now() + limit_s
        while not self._over and self._is_speech_open() and (left_s := deadline - self.connection.now()) > 0:
            await self._advanced.wait(left_s)

    def await_end(self) -> None:
        """Wait once more as long for the end before reporting silence."""
        self._progress.finish(self.connection.now())

    def end(self) -> None:
        """The connection has ended: release those that wait for a boundary."""
        self._over = True
        self._advanced.notify()

    @property
    def unheard_s(self) -> float:
        """Seconds of sent audio that no result has reached."""
        return self._timeline.position_s - self._protocol.progress_s

    def _is_speech_open(self) -> bool:
        if not self._rules.open_text and self.unheard_s <= _LAG_S:
            return False
        flowing = self.connection.now() - self._pause.stopped_at() < FLOWING_S
        return flowing or self._shared.settings.pause_after_s is not None

    # Results

    def take(self, event: EventT) -> None:
        rules, progress, stats = self._rules, self._progress, self._stats
        progress.answered()
        delivered = rules.deliver(event, self._timeline)
        stats.service_s += rules.billed_s(event)
        if self._configuring.unanswered:
            self._configuring.take(event)
        progress_s = self._protocol.progress_s
        if progress_s > progress.reached_s:
            progress.reached(progress_s, self.connection.now())
            stats.lag.record(max(0.0, self._timeline.position_s - progress_s))
            if self._careful:
                self._send_freely()
            if not self.got_further:
                self.got_further = rules.reported_s > self._reached_before_s + _FURTHER_S
        if self.sending.finishing:  # after the above: every event restarts the wait for the end
            progress.finish(self.connection.now())
        self._acknowledge()
        self._advanced.notify()
        for each in delivered:  # last, as the consumer may call back into the session
            self._shared.deliver(each)

    def _send_freely(self) -> None:
        self._careful = False
        self.hurry()

    def _speed(self) -> float | None:
        """The speed at which a backlog is sent; ``None`` for no limit.

        Audio that is unsent at the deadline would be lost. So a closing session uses half of its time to send
        and half to wait for the answer.
        """
        speed, left_s = self._shared.settings.replay_speed, self._shared.close_by - self.connection.now()
        if speed is None or left_s == math.inf:
            return speed
        backlog_s = self._ring.queued_frames / self._frame_rate if self._frame_rate else 0.0
        return max(speed, backlog_s / max(left_s / 2, _UNREAD_S))

    def _acknowledge(self) -> None:
        until_s, run_up_s = self._rules.acknowledged()
        if until_s > self._acknowledged_s and self._frame_rate:
            self._acknowledged_s = until_s
            run_up = int(run_up_s * self._frame_rate)
            self._ring.acknowledge(self._timeline.end_position(until_s), run_up)
            self._shared.audio.run_up_frames = run_up
            self._timeline.forget(self._protocol.final_s)  # interim results may begin there
            self._stats.covered_s = self._ring.acknowledged / self._frame_rate

    def has_room(self) -> bool:
        return True

    async def room(self) -> None:
        pass

    async def send_all(self, connection: Connection[EventT]) -> None:
        await self.sending.run()

    # Watching the time

    def due_at(self) -> float:
        due = min(self._progress.due_at(), self._configuring.overdue_at)
        if not self._shared.draining():
            return min(due, self._pause.due_at())
        since = self.connection.sending_since
        return due if since is None else min(due, since + _UNREAD_S)

    def check(self, now: float) -> None:
        self._check_stable()
        self._configuring.check(now)
        since = self.connection.sending_since
        if since is not None and self._shared.draining() and now - since >= _UNREAD_S:
            self.connection.end(Ending.STALLED, "the service stopped reading")
        elif not self.sending.finishing:
            self._check_progress(now)
            self._check_pause(now)
        elif self._progress.is_silent_at_end(now):
            if self.settled():
                self.connection.end(Ending.LOST, "nothing came after the end was asked for; nothing was owed")
            else:
                self._shared.fell_silent()

    def _check_stable(self) -> None:
        """Report a connection that lasts and makes progress. First results alone do not prove recovery."""
        if self._stable or self.connection.lived_s() < self._shared.settings.backoff.quick_failure_s:
            return
        if self.got_further or not self._ring.is_unanswered:
            self._stable = True
            self._shared.became_stable()

    def _check_progress(self, now: float) -> None:
        behind_s = self.unheard_s
        if self._progress.is_probe_due(now, behind_s):
            if self._rules.probes:
                self.sending.enqueue(*self._rules.flush())
            else:
                self._progress.give_up_at(now)
        if self._progress.is_stalled(now):
            self._end_stalled(now)

    def _end_stalled(self, now: float) -> None:
        self._stats.stalls += 1
        self._shared.stalled_in = self._ring.pushes
        stalled_s = self._progress.stood_still_s(now)
        reason = f"no progress for {stalled_s:.1f} s with {self.unheard_s:.1f} s of audio unanswered"
        self.connection.end(Ending.STALLED, reason)

    def _check_pause(self, now: float) -> None:
        """End speech that the caller has stopped in the middle of."""
        pause = self._pause
        if not pause.is_due(now) or self._shared.draining():
            return
        if pause.begins():
            self._shared.audio.flush_converter()
        if self._ring.waiting or self.sending.is_pending:
            self.connection.wake()
            pause.look_later(now)
        elif not self._rules.needs_silence:
            self._end_by_flush(now)
        elif not self._frame_rate:
            pause.over()
        else:
            self._end_by_silence(now)

    def _end_by_flush(self, now: float) -> None:
        self._pause.over()
        owed_s = math.inf if self._rules.open_text else self.unheard_s
        if owed_s > _UNHEARD_S:
            self.sending.enqueue(*self._rules.flush())
            if self._shared.stalled_in != self._ring.pushes:
                self._progress.ask(now, owed_s)

    def _end_by_silence(self, now: float) -> None:
        """Insert the silence that the caller did not send, while a turn is open."""
        longest_s = self._longest_turn_end_s if self._rules.open_text else 0.0
        seconds = self._pause.silence_s(now, longest_s)
        if frames := int(seconds * self._frame_rate):
            self.sending.enqueue(frames)

    def keep_alive(self) -> bool:
        self._stats.keep_alives += 1
        if not self._rules.keep_alive_message:
            return False
        self.sending.enqueue(self._rules.keep_alive())
        return True
