"""One connection of a listening session, from its opening to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from speechwire.errors import ConnectionLost
from speechwire.protocol import State
from speechwire.session._audio_log import AudioLog, Chunk
from speechwire.session._pacer import Pacer
from speechwire.session._signal import Signal
from speechwire.session._strategy import Strategy
from speechwire.session._timeline import Timeline
from speechwire.session._wire import Wire
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings
from speechwire.transport import CloseEvent, WebSocket

__all__ = ["Control", "Link"]

EventT = TypeVar("EventT")

Control = Callable[[], list[str]]
"""Makes the frames of a control message for the connection of that moment."""

_PROBE_S: Final = 1.4  # the answer to Finalize takes 0.2 to 0.55 s
_BEHIND_S: Final = 0.5  # less than this between sent and covered is the normal lag of a healthy service
_SETTLED_S: Final = 2.75  # covered but for the onset that is always kept, and the normal lag
_ENDING_S: Final = 2.0  # the end that was asked for comes within half a second, or keeps showing progress
_FLOWING_S: Final = 1.0  # audio sent within this time: the caller is streaming


class Link(Wire[EventT]):
    """Sends what the log holds, delivers what comes, and notices when either stops.

    Args:
        connection: Open.
        strategy: Begun for this connection.
        log: The audio; what is taken from it and not covered is the next link's to replay.
        timeline: Of this connection, empty.
        settings: Deadlines.
        stats: Counted into.
        emit: Where events go.

    Attributes:
        progressed: Whether a result has covered any audio.
        retired: Whether it was ended to make room for another.
    """

    def __init__(
        self,
        connection: WebSocket,
        strategy: Strategy[EventT],
        log: AudioLog[Control],
        timeline: Timeline,
        settings: ListenSettings,
        stats: ListenStats,
        emit: Callable[[EventT], None],
    ) -> None:
        idle_s = settings.keep_alive_s if strategy.keeps_alive else settings.ping_s
        super().__init__(connection, strategy.protocol, send_timeout_s=settings.send_timeout_s, idle_s=idle_s)
        self.progressed = False
        self.retired = False
        self._advanced = Signal()
        self._strategy = strategy
        self._protocol = strategy.protocol
        self._log = log
        self._timeline = timeline
        self._settings = settings
        self._stats = stats
        self._emit = emit
        self._format = strategy.format()
        self._bytes_per_s = self._format.bytes_per_s
        self._pacer = Pacer(settings.replay_speed, settings.replay_burst_s)
        self._urgent: list[str | int] = []  # text frames, and sizes of silence
        self._patience_s = (
            strategy.patience * settings.progress_timeout_s if settings.progress_timeout_s else None
        )
        self._covered_s = self._progress_s = 0.0
        self._last_audio = self._progress_at = self._now()
        self._probed_at: float | None = None
        self._resting = False  # the sending task waits for something to do

    # Making room for another

    async def boundary(self, limit_s: float) -> None:
        """Wait for a moment between turns or utterances, but not longer than this."""
        try:
            async with asyncio.timeout(limit_s):
                while not self._at_boundary():
                    await self._advanced.wait()
        except TimeoutError:
            pass

    def retire(self) -> None:
        """End now; what is not covered is the next link's."""
        self.retired = True
        self._verdict = CloseEvent(1000, "replaced")
        self._connection.abort()

    def _at_boundary(self) -> bool:
        open_s = self._timeline.position_s - self._strategy.covered_s()
        return not self._strategy.wants_silence() and open_s <= _SETTLED_S

    # Receiving

    def _handle(self, event: EventT) -> None:
        for delivered in self._strategy.deliver(event, self._timeline):
            self._emit(delivered)
        self._stats.service_s += self._strategy.billed_s(event)
        if self._protocol.progress_s > self._progress_s:
            self._progress_s = self._protocol.progress_s
            self._stats.lag.record(max(0.0, self._timeline.position_s - self._progress_s))
            self._progress_at = self._now()
            self._probed_at = None
            self.progressed = True
            self._cover()
        self._advanced.notify()

    def _cover(self) -> None:
        covered_s = self._strategy.covered_s()
        if covered_s > self._covered_s and self._bytes_per_s:
            self._covered_s = covered_s
            self._log.cover(self._timeline.end_position(covered_s))
            self._timeline.forget(covered_s)
            self._stats.covered_s = self._log.covered / self._bytes_per_s

    # Sending

    def send_live(self, pcm: bytes) -> bool:
        """Send audio that was pushed just now, which spares a task switch, if nothing stands in its way."""
        now = self._now()
        connection = self._connection
        if (
            not self._resting
            or self._log.waiting
            or self._urgent
            or now < self._pacer.free_at
            or not connection.ready
        ):
            return False
        frame = self._account(self._log.pass_on(pcm), pcm, now)
        self._last_sent = now
        try:
            connection.send_now(frame)
        except ConnectionLost:
            connection.abort()  # the receiver learns how it ended
        return True

    async def _send_all(self) -> None:
        while True:
            if self._urgent:
                await self._send_urgent(self._urgent.pop(0))
            elif self._log:
                await self._send_next()
            else:
                self._wake.clear()
                self._resting = True
                await self._wake.wait()
                self._resting = False

    async def _send_next(self) -> None:
        delay_s = self._pacer.free_at - self._now()
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        item = self._log.take()
        if isinstance(item, Chunk):
            await self._send(self._account(item.start, item.data, self._now()))
        else:
            for frame in item.control():
                await self._send(frame)
            if self._protocol.state is not State.OPEN:
                self._progress_at, self._probed_at = self._now(), None

    def _account(self, start: int, pcm: bytes, now: float) -> bytes:
        """Account for audio that is sent now; returns its frame."""
        size = len(pcm)
        self._stats.chunks += 1
        self._stats.sent_bytes += size
        self._timeline.audio(start, size)
        self._last_audio = now
        if self._bytes_per_s:
            self._pacer.sent(now, size / self._bytes_per_s)
        else:
            self._log.cover(start + size)
        return self._protocol.send_audio(pcm)

    async def _send_urgent(self, item: str | int) -> None:
        if isinstance(item, str):
            await self._send(item)
            return
        self._stats.chunks += 1
        self._stats.sent_bytes += item
        self._stats.silence_bytes += item
        self._timeline.silence(self._log.end, item)
        await self._send(self._protocol.send_audio(bytes(item)))

    # Watching

    def _next_due(self) -> float:
        due = super()._next_due()
        if self._probed_at is not None:
            due = min(due, self._probed_at + _PROBE_S)
        elif self._patience_s is not None:
            due = min(due, self._progress_at + self._patience_s)
        if self._settings.silence_after_s is not None and self._strategy.wants_silence():
            due = min(due, self._last_audio + self._settings.silence_after_s)
        return due

    def _check(self, now: float) -> None:
        self._check_progress(now)
        if self._protocol.state is State.OPEN:
            self._fill_silence(now)

    def _check_progress(self, now: float) -> None:
        """While audio flows what is covered must grow, and at the end the end must come.

        A silent caller proves nothing.
        """
        behind_s = self._timeline.position_s - self._progress_s
        closing = self._protocol.state is not State.OPEN
        flowing = behind_s > _BEHIND_S and now - self._last_audio <= _FLOWING_S
        if self._patience_s is None or not (closing or flowing):
            self._progress_at, self._probed_at = now, None
            return
        patience_s = min(_ENDING_S, self._patience_s) if closing else self._patience_s
        if self._probed_at is None and now - self._progress_at >= patience_s:
            self._probe(now)
        probe_s = _PROBE_S if self._strategy.probes and not closing else 0.0
        if self._probed_at is not None and now - self._probed_at >= probe_s:
            self._stats.stalls += 1
            stalled_s = now - self._progress_at
            self._give_up(f"no progress for {stalled_s:.1f} s with {behind_s:.1f} s of audio unanswered")

    def _probe(self, now: float) -> None:
        self._probed_at = now
        if self._strategy.probes and self._protocol.state is State.OPEN:
            for frame in self._strategy.flush():
                self._enqueue(frame)

    def _fill_silence(self, now: float) -> None:
        after_s = self._settings.silence_after_s
        if after_s is None or not self._strategy.wants_silence() or now - self._last_audio < after_s:
            return
        frames = int((now - self._last_audio) * self._format.bytes_per_s) // self._format.frame_bytes
        self._last_audio = now
        if frames:
            self._enqueue(frames * self._format.frame_bytes)

    def _keep_alive(self) -> None:
        self._stats.keep_alives += 1
        message = self._strategy.keep_alive()
        if message is None:
            super()._keep_alive()
        else:
            self._enqueue(message)

    def _enqueue(self, item: str | int) -> None:
        self._urgent.append(item)
        self._wake.set()
