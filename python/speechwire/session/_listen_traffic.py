"""What goes over one connection of a listening session: audio and control messages up, results down."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from speechwire.errors import ConnectionLost
from speechwire.session._audio_log import Chunk
from speechwire.session._configuring import Configuring
from speechwire.session._connection import Connection, Ended
from speechwire.session._intake import Intake
from speechwire.session._options_state import Change, OptionsState
from speechwire.session._pacer import Pacer
from speechwire.session._pause import Pause
from speechwire.session._progress import Progress
from speechwire.session._rules import ListenRules
from speechwire.session._signal import Signal
from speechwire.session._states import Ending
from speechwire.session._timeline import Timeline
from speechwire.session.settings import ListenSettings
from speechwire.transport import WebSocket

__all__ = ["ListenTraffic", "Shared"]

EventT = TypeVar("EventT")

_FURTHER_S: Final = 0.25  # results that get less far than this are no progress
_LAG_S: Final = 1.0  # results lag this much in good health
_UNHEARD_S: Final = 0.1  # less audio than this holds no word
_FLOWING_S: Final = 1.0  # audio was pushed within this time: the caller is streaming
_CAREFUL_BURST_S: Final = 1.5  # enough for a healthy service to answer
_UNREAD_S: Final = 1.0  # a session that closes waits no longer for a peer that does not read


@dataclass(slots=True)
class Shared(Generic[EventT]):
    """What the connections of one session have in common.

    Args:
        rules: The endpoint.
        options: What is wanted.
        intake: The audio; what is taken from its log and not acknowledged is the next connection's to send.
        settings: Deadlines.
        deliver: Where events go.
        flush_converter: Has the converter's rest queued.
        draining: Whether the session was told to close.
        became_stable: Told once of each connection that lasts and gets on.
        fell_silent: Told when nothing comes after the end was asked for.
        stalled_in: After how many pushes a connection stalled last: in one pause only one is left for that.
    """

    rules: ListenRules[EventT]
    options: OptionsState[Any]
    intake: Intake
    settings: ListenSettings
    deliver: Callable[[EventT], None]
    flush_converter: Callable[[], None]
    draining: Callable[[], bool]
    became_stable: Callable[[], None]
    fell_silent: Callable[[], None]
    stalled_in: int = -1


class ListenTraffic(Generic[EventT]):
    """Sends what the log holds, brings the connection to the options that are wanted, delivers results.

    Args:
        websocket: Open.
        shared: The session's.
        told: The last change of the options that the connection was made with.
        elapsed_s: Since the session's first connection; compressed audio has no other clock.
        careful: The connection before came to nothing: send little until this one shows progress.

    Attributes:
        connection: The tasks and the timer.
        got_further: Whether results went beyond what any connection before had reached.
        finishing: Whether the end was asked for.
        messages: How many messages have come.
    """

    def __init__(
        self, websocket: WebSocket, shared: Shared[EventT], told: int, elapsed_s: float, *, careful: bool
    ) -> None:
        rules, settings, rate = shared.rules, shared.settings, shared.intake.rate
        options = shared.options.wanted
        rules.begin(options)
        idle_s = settings.keep_alive_s if rules.keep_alive_message else settings.ping_s
        self.connection = Connection(
            websocket, rules.protocol, self, send_timeout_s=settings.send_timeout_s, idle_s=idle_s
        )
        self.got_further = False
        self.finishing = False
        self.messages = 0
        self._stable = False
        self._shared = shared
        self._rules = rules
        self._log = shared.intake.log
        self._stats = shared.intake.stats
        self._protocol = rules.protocol
        self._bytes_per_s = rate.bytes_per_s
        self._timeline = Timeline(
            frame_bytes=rate.frame_bytes, bytes_per_s=rate.bytes_per_s, offset_s=elapsed_s
        )
        patience = rules.patience(options)
        self._careful = careful and patience <= 1.0
        burst_s = min(_CAREFUL_BURST_S, settings.replay_burst_s) if self._careful else settings.replay_burst_s
        self._pacer = Pacer(settings.replay_speed, burst_s)
        now = self.connection.now()
        self._progress = Progress(settings.progress_timeout_s, patience, rules.probes, now)
        self._urgent: deque[str | int] = deque()  # text frames, and sizes of silence
        self._configuring = Configuring(
            rules, shared.options, told, settings.configure_timeout_s, self.connection.wake
        )
        self._advanced = Signal()
        self._reached_before_s = rules.reported_s
        self._acknowledged_s = 0.0
        self._resting = False  # the sending task waits for something to do
        self._pause = Pause(settings.pause_after_s, shared.intake.input)
        self._longest_turn_end_s = rules.longest_turn_end_s(options)

    # For the session

    def settled(self) -> bool:
        """Whether results have reached the end of what was pushed, and leave no words open."""
        if self._rules.open_text or self._log.waiting:
            return False
        return self._unheard_s() <= _UNHEARD_S

    def has_finished(self, ended: Ended) -> bool:
        """Whether everything is done, now that the connection has ended."""
        if ended.ending is Ending.COMPLETE and (ended.was_said or not self._rules.needs_silence):
            return not (self._rules.open_text and self._rules.closes_text)
        return self.finishing and self.settled()

    async def boundary(self, limit_s: float) -> None:
        """Wait for a moment between turns or utterances, or until nothing more can end one."""
        deadline = self.connection.now() + limit_s
        while self._is_speech_open() and (left_s := deadline - self.connection.now()) > 0:
            await self._advanced.wait(left_s)

    def await_end(self) -> None:
        """Wait for the end as long again before saying that the service has fallen silent."""
        self._progress.finish(self.connection.now())

    def advance(self) -> None:
        """Let whoever waits for a boundary look again."""
        self._advanced.notify()

    def send_live(self, pcm: bytes, now: float) -> bool:
        """Send audio that was pushed just now, which spares a task switch, if nothing stands in its way."""
        connection = self.connection
        websocket = connection.websocket
        if (
            not self._resting
            or self._log.waiting
            or self._urgent
            or now < self._pacer.free_at
            or not websocket.ready
        ):
            return False
        frame = self._account(self._log.pass_on(pcm), pcm, now)
        connection.last_sent = now
        try:
            websocket.send_now(frame)
        except ConnectionLost:
            websocket.abort()  # the receiver learns how it ended
        except Exception as fault:
            connection.fail(fault)
        return True

    def _unheard_s(self) -> float:
        """How much of what was sent no result has reached."""
        return self._timeline.position_s - self._protocol.progress_s

    def _is_speech_open(self) -> bool:
        if not self._rules.open_text and self._unheard_s() <= _LAG_S:
            return False
        flowing = self.connection.now() - self._shared.intake.input.stopped_at() < _FLOWING_S
        return flowing or self._shared.settings.pause_after_s is not None

    # Results

    def take(self, event: EventT) -> None:
        rules, progress, stats = self._rules, self._progress, self._stats
        self.messages += 1
        progress.answered()
        delivered = rules.deliver(event, self._timeline)
        stats.service_s += rules.billed_s(event)
        if self._configuring.pending:
            self._configuring.take(event)
        progress_s = self._protocol.progress_s
        if progress_s > progress.reached_s:
            progress.reached(progress_s, self.connection.now())
            stats.lag.record(max(0.0, self._timeline.position_s - progress_s))
            if self._careful:
                self._send_freely()
            if not self.got_further:
                self.got_further = rules.reported_s > self._reached_before_s + _FURTHER_S
        if self.finishing:  # behind the above: whatever comes, the end is waited for so long and no longer
            progress.finish(self.connection.now())
        self._acknowledge()
        self._advanced.notify()
        for each in delivered:  # at last: the consumer may do anything in return
            self._shared.deliver(each)

    def _send_freely(self) -> None:
        self._careful = False
        self._pacer = Pacer(self._shared.settings.replay_speed, self._shared.settings.replay_burst_s)
        self.connection.wake()

    def _acknowledge(self) -> None:
        until_s, run_up_s = self._rules.acknowledged()
        if until_s > self._acknowledged_s and self._bytes_per_s:
            self._acknowledged_s = until_s
            run_up_bytes = int(run_up_s * self._bytes_per_s)
            self._log.acknowledge(self._timeline.end_position(until_s), run_up_bytes)
            self._timeline.forget(self._protocol.final_s)  # interim results may begin there
            self._stats.covered_s = self._log.acknowledged / self._bytes_per_s

    def has_room(self) -> bool:
        return True

    async def room(self) -> None:
        pass

    # Sending

    async def send_all(self, connection: Connection[EventT]) -> None:
        while True:
            if self._urgent:
                await self._send_urgent(self._urgent.popleft())
            elif changes := self._configuring.due(self._sent_position()):
                await self._send_configure(changes)
            elif self._log.waiting:
                await self._send_next()
            elif self._shared.draining() and not self.finishing:
                await self._finish()
            else:
                self._resting = True
                await connection.woken()
                self._resting = False

    async def _send_next(self) -> None:
        delay_s = self._pacer.free_at - self.connection.now()
        if delay_s > 0:
            await self.connection.woken(delay_s)
            return
        item = self._log.take()
        if isinstance(item, Chunk):
            self._stats.replayed_bytes += len(item.data) if item.is_repeat else 0
            await self.connection.send(self._account(item.start, item.data, self.connection.now()))
        else:
            await self._send_each(self._rules.flush())

    async def _send_each(self, frames: list[str]) -> None:
        for frame in frames:
            await self.connection.send(frame)

    def _account(self, start: int, pcm: bytes, now: float) -> bytes:
        """Account for audio that is sent now; returns its frame."""
        size = len(pcm)
        self._stats.chunks += 1
        self._stats.sent_bytes += size
        self._timeline.audio(start, size)
        self._progress.last_audio = now
        if self._bytes_per_s:
            self._pacer.sent(now, size / self._bytes_per_s)
        else:
            self._log.acknowledge(start + size)
        return self._protocol.send_audio(pcm)

    async def _send_urgent(self, item: str | int) -> None:
        if isinstance(item, str):
            await self.connection.send(item)
            return
        self._stats.chunks += 1
        self._stats.sent_bytes += item
        self._stats.silence_bytes += item
        self._timeline.silence(self._log.end, item)
        silence = bytes((self._shared.intake.rate.silence,)) * item
        await self.connection.send(self._protocol.send_audio(silence))

    def _sent_position(self) -> int:
        waiting = self._log.waiting
        return waiting[0].start if waiting else self._log.end

    async def _send_configure(self, changes: list[Change[Any]]) -> None:
        frame = self._configuring.frame(changes, self.connection.now())
        if frame is not None:
            await self.connection.send(frame)

    async def _finish(self) -> None:
        self.finishing = True
        self._progress.finish(self.connection.now())
        await self._send_each(self._rules.finish())

    def _enqueue_each(self, frames: list[str]) -> None:
        for frame in frames:
            self._enqueue(frame)

    def _enqueue(self, item: str | int) -> None:
        self._urgent.append(item)
        self.connection.wake()

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
        elif not self.finishing:
            self._check_progress(now)
            self._check_pause(now)
        elif self._progress.is_silent_at_end(now):
            if self.settled():
                self.connection.end(Ending.LOST, "nothing came after the end was asked for; nothing was owed")
            else:
                self._shared.fell_silent()

    def _check_stable(self) -> None:
        """A connection that lasts and gets on shows that the service is back: first results alone do not."""
        if self._stable or self.connection.lived_s() < self._shared.settings.backoff.quick_failure_s:
            return
        if self.got_further or not self._log.unanswered:
            self._stable = True
            self._shared.became_stable()

    def _check_progress(self, now: float) -> None:
        behind_s = self._unheard_s()
        if self._progress.is_probe_due(now, behind_s):
            if self._rules.probes:
                self._enqueue_each(self._rules.flush())
            else:
                self._progress.give_up_at(now)
        if self._progress.is_stalled(now):
            self._end_stalled(now)

    def _end_stalled(self, now: float) -> None:
        self._stats.stalls += 1
        self._shared.stalled_in = self._shared.intake.input.pushes
        stalled_s = self._progress.stood_still_s(now)
        reason = f"no progress for {stalled_s:.1f} s with {self._unheard_s():.1f} s of audio unanswered"
        self.connection.end(Ending.STALLED, reason)

    def _check_pause(self, now: float) -> None:
        """When the caller has stopped in the middle of speech, bring that to its end."""
        pause = self._pause
        if not pause.is_due(now) or self._shared.draining():
            return
        if pause.begins():
            self._shared.flush_converter()
        if self._log.waiting or self._urgent:
            self.connection.wake()
            pause.look_later(now)
        elif not self._rules.needs_silence:
            self._end_by_flush(now)
        elif not self._bytes_per_s:
            pause.over()
        else:
            self._end_by_silence(now)

    def _end_by_flush(self, now: float) -> None:
        self._pause.over()
        owed_s = math.inf if self._rules.open_text else self._unheard_s()
        if owed_s > _UNHEARD_S:
            self._enqueue_each(self._rules.flush())
            if self._shared.stalled_in != self._shared.intake.input.pushes:
                self._progress.ask(now, owed_s)

    def _end_by_silence(self, now: float) -> None:
        """Put in the silence the caller did not send, as long as a turn is open."""
        longest_s = self._longest_turn_end_s if self._rules.open_text else 0.0
        seconds = self._pause.silence_s(now, longest_s)
        frames = int(seconds * self._bytes_per_s) // self._shared.intake.rate.frame_bytes
        if frames:
            self._enqueue(frames * self._shared.intake.rate.frame_bytes)

    def keep_alive(self) -> bool:
        self._stats.keep_alives += 1
        if not self._rules.keep_alive_message:
            return False
        self._enqueue(self._rules.keep_alive())
        return True
