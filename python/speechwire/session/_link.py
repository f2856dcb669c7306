"""One connection of a listening session, from its opening to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, Generic, TypeVar

from speechwire.errors import ConnectionLost
from speechwire.protocol import Closed, State
from speechwire.session._audio_log import AudioLog, Chunk
from speechwire.session._pacer import Pacer
from speechwire.session._strategy import Strategy
from speechwire.session._timeline import Timeline
from speechwire.session.settings import ListenSettings
from speechwire.transport import ABNORMAL, Close, Connection

__all__ = ["Control", "Link", "Stats"]

EventT = TypeVar("EventT")

Control = Callable[[], list[str]]
"""Makes the frames of a control message for the connection of that moment."""

_TICK_S: Final = 1.0
_MIN_TICK_S: Final = 0.01
_PROBE_S: Final = 2.0
_BEHIND_S: Final = 0.5  # less than this between sent and covered is the normal lag of a healthy service
_FLOWING_S: Final = 1.0  # audio sent within this time: the caller is streaming


@dataclass(slots=True)
class Stats:
    """What a session did, in bytes, counts and seconds; over all its connections."""

    connections: int = 0
    refused: int = 0
    sent_bytes: int = 0
    replayed_bytes: int = 0
    lost_bytes: int = 0
    silence_bytes: int = 0
    keep_alives: int = 0
    stalls: int = 0
    connected_s: float = 0.0
    service_s: float = 0.0

    def add(self, other: Stats) -> None:
        """Sum up, for totals over sessions."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Link(Generic[EventT]):
    """Sends what the log holds, delivers what comes, and notices when either stops.

    Three tasks: one receives (the caller's own), one sends, one watches the time. Only the sender sends, so
    frames keep the order in which the timeline saw them.

    Args:
        connection: Open.
        strategy: Begun for this connection.
        log: The audio; what is taken from it and not covered is the next link's to replay.
        timeline: Of this connection, empty.
        settings: Deadlines.
        stats: Counted into.
        emit: Where events go.
    """

    def __init__(
        self,
        connection: Connection,
        strategy: Strategy[EventT],
        log: AudioLog[Control],
        timeline: Timeline,
        settings: ListenSettings,
        stats: Stats,
        emit: Callable[[EventT], None],
    ) -> None:
        self.progressed = False
        self._connection = connection
        self._strategy = strategy
        self._protocol = strategy.protocol
        self._log = log
        self._timeline = timeline
        self._settings = settings
        self._stats = stats
        self._emit = emit
        self._format = strategy.format()
        patience, keeps_alive = strategy.patience, strategy.keeps_alive
        self._progress_timeout_s = (
            patience * settings.progress_timeout_s if settings.progress_timeout_s else None
        )
        self._idle_s = settings.keep_alive_s if keeps_alive else settings.ping_s
        self._pacer = Pacer(settings.replay_speed, settings.replay_burst_s)
        self._urgent: deque[str | int] = deque()  # text frames, and sizes of silence
        self._wake = asyncio.Event()
        self._verdict: Close | None = None
        self._fault: BaseException | None = None
        self._now = asyncio.get_running_loop().time
        self._sending_since: float | None = None
        self._last_sent = self._last_audio = self._progress_at = self._now()
        self._progress_s = 0.0
        self._probed_at: float | None = None

    def wake(self) -> None:
        """Say that the log has something to send."""
        self._wake.set()

    async def run(self) -> Closed:
        """Live until the connection ends; returns how. Cancelling drops the connection."""
        tasks = [
            asyncio.create_task(self._guard(self._send_all())),
            asyncio.create_task(self._guard(self._watch())),
        ]
        try:
            close = await self._receive_all()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._connection.abort()
        if self._fault is not None:
            raise self._fault
        return self._protocol.receive_close(close.code, close.reason)

    async def _guard(self, work: asyncio.Future[None] | object) -> None:
        """Run a part of the link; when it fails, the whole link ends."""
        try:
            await work  # type: ignore[misc]
        except ConnectionLost:
            self._connection.abort()  # the receiver learns how it ended
        except Exception as fault:
            self._fault = fault
            self._connection.abort()

    # Receiving

    async def _receive_all(self) -> Close:
        while True:
            frame = await self._connection.receive()
            if isinstance(frame, Close):
                return self._verdict or frame
            for event in self._protocol.receive(frame):
                self._handle(event)

    def _handle(self, event: EventT) -> None:
        for delivered in self._strategy.deliver(event, self._timeline):
            self._emit(delivered)
        if self._protocol.progress_s > self._progress_s:
            self._progress_s = self._protocol.progress_s
            self._progress_at = self._now()
            self._probed_at = None
            self.progressed = True
        self._cover()

    def _cover(self) -> None:
        covered_s = self._strategy.covered_s()
        if covered_s > 0 and self._format.bytes_per_s:
            self._log.cover(self._timeline.end_position(covered_s))
            self._timeline.forget(covered_s)

    # Sending

    async def _send_all(self) -> None:
        while True:
            if self._urgent:
                await self._send_urgent(self._urgent.popleft())
            elif self._log:
                await self._send_next()
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _send_next(self) -> None:
        delay_s = self._pacer.delay_s(self._now())
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        item = self._log.take()
        if isinstance(item, Chunk):
            await self._send_audio(item)
        else:
            for frame in item.control():
                await self._send(frame)

    async def _send_audio(self, chunk: Chunk) -> None:
        frame = self._protocol.send_audio(chunk.data)
        size = len(chunk.data)
        self._timeline.audio(chunk.start, size)
        self._stats.sent_bytes += size
        self._last_audio = self._now()
        if self._format.bytes_per_s:
            self._pacer.sent(size / self._format.bytes_per_s)
        else:
            self._log.cover(chunk.end)
        await self._send(frame)

    async def _send_urgent(self, item: str | int) -> None:
        if isinstance(item, str):
            await self._send(item)
            return
        frame = self._protocol.send_audio(bytes(item))
        self._timeline.silence(self._log.end, item)
        self._stats.silence_bytes += item
        await self._send(frame)

    async def _send(self, frame: str | bytes) -> None:
        self._last_sent = self._sending_since = self._now()
        await self._connection.send(frame)
        self._sending_since = None

    # Watching

    async def _watch(self) -> None:
        while self._verdict is None:
            await asyncio.sleep(max(_MIN_TICK_S, min(_TICK_S, self._next_due() - self._now())))
            now = self._now()
            self._check_send(now)
            self._check_progress(now)
            if self._protocol.state is State.OPEN:
                self._fill_silence(now)
                await self._keep_alive(now)

    def _next_due(self) -> float:
        due = self._last_sent + self._idle_s
        if self._sending_since is not None:
            due = min(due, self._sending_since + self._settings.send_timeout_s)
        if self._probed_at is not None:
            due = min(due, self._probed_at + _PROBE_S)
        elif self._progress_timeout_s is not None:
            due = min(due, self._progress_at + self._progress_timeout_s)
        if self._settings.silence_after_s is not None and self._strategy.wants_silence():
            due = min(due, self._last_audio + self._settings.silence_after_s)
        return due

    def _check_send(self, now: float) -> None:
        since, limit_s = self._sending_since, self._settings.send_timeout_s
        if since is not None and now - since >= limit_s:
            self._give_up(f"the service stopped reading: a send took longer than {limit_s:g} s")

    def _check_progress(self, now: float) -> None:
        """While audio flows, what is covered must grow; a silent caller proves nothing."""
        limit_s = self._progress_timeout_s
        behind_s = self._timeline.position_s - self._progress_s
        if limit_s is None or behind_s <= _BEHIND_S or now - self._last_audio > _FLOWING_S:
            self._progress_at, self._probed_at = now, None
            return
        if self._probed_at is None and now - self._progress_at >= limit_s:
            self._probe(now)
        if self._probed_at is not None and now - self._probed_at >= (
            _PROBE_S if self._strategy.probes else 0
        ):
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

    async def _keep_alive(self, now: float) -> None:
        if now - self._last_sent < self._idle_s:
            return
        self._last_sent = now
        self._stats.keep_alives += 1
        message = self._strategy.keep_alive()
        if message is None:
            await self._connection.ping()
        else:
            self._enqueue(message)

    def _enqueue(self, item: str | int) -> None:
        self._urgent.append(item)
        self._wake.set()

    def _give_up(self, reason: str) -> None:
        """End a connection that is open in name only."""
        self._verdict = Close(ABNORMAL, reason)
        self._connection.abort()
