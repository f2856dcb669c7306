"""The listening session, for whichever endpoint."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from speechwire.errors import SessionClosed
from speechwire.protocol import Closed, EndKind
from speechwire.session._audio_log import AudioLog
from speechwire.session._credential import ApiKey, Credential, check_secrecy
from speechwire.session._dialer import Dialer, Governor
from speechwire.session._event_queue import EventQueue
from speechwire.session._link import Control, Link, Stats
from speechwire.session._pipeline import Passthrough, Pipeline
from speechwire.session._strategy import Strategy
from speechwire.session._timeline import Timeline
from speechwire.session.events import AudioDropped, Reconnected, Reconnecting, SessionEnded, SessionEvent
from speechwire.session.settings import ListenSettings
from speechwire.transport import Connection, Transport, shared_transport

__all__ = ["ListeningSession"]

EventT = TypeVar("EventT")


class ListeningSession(Generic[EventT]):
    """Audio in, events out, over as many connections as it takes.

    One task owns everything: it waits for audio, connects, lives through one connection after the other,
    and ends the event stream. :meth:`push` and :meth:`flush` only write to the log and wake it.
    """

    def __init__(
        self,
        strategy: Strategy[EventT],
        api_key: ApiKey,
        *,
        pipeline: Pipeline | None,
        base_url: str,
        transport: Transport | None,
        settings: ListenSettings | None,
        allow_insecure: bool,
        governor: Governor | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        check_secrecy(strategy.url(base_url), allow_insecure=allow_insecure)
        self._strategy = strategy
        self._base_url = base_url
        self._settings = settings or ListenSettings()
        self._credential = Credential(api_key)
        self._own_transport: Transport | None = None
        self._transport = transport
        self._governor = governor
        self._uniform = uniform
        self._format = strategy.format()
        self._pipeline = pipeline or Passthrough(self._format.frame_bytes)
        self._log: AudioLog[Control] = AudioLog(
            frame_bytes=self._format.frame_bytes,
            queue_bytes=self._bytes(self._settings.buffer_s),
            replay_bytes=self._bytes(self._settings.replay_s) if self._format.bytes_per_s else 0,
        )
        self._events: EventQueue[EventT | SessionEvent] = EventQueue(
            self._settings.event_limit, strategy.is_interim
        )
        self._stats = Stats()
        self._task: asyncio.Task[None] | None = None
        self._link: Link[EventT] | None = None
        self._linked = asyncio.Event()
        self._changed = asyncio.Event()
        self._wanted = False
        self._closing = False
        self._complete = False
        self._overflowing = False
        self._idle_end = 0
        self._began = 0.0
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT | SessionEvent:
        """Wait for the next event; for one consumer.

        Raises:
            SpeechwireError: The session failed for good; raised once, after the last event.
        """
        return await self._events.get()

    @property
    def error(self) -> BaseException | None:
        """Why the session failed for good, or ``None``."""
        return self._error

    @property
    def request_id(self) -> str | None:
        """The ``dg-request-id`` of the current connection, or of the last one."""
        return self._strategy.protocol.request_id

    @property
    def connected(self) -> bool:
        """Whether a connection is open."""
        return self._link is not None

    def stats(self) -> Stats:
        """A copy of the counters."""
        return dataclasses.replace(self._stats)

    def push(self, pcm: bytes) -> None:
        """Take audio of any length. Returns at once: connecting and sending happen behind it.

        Must be called on the event loop's thread. Beyond ``buffer_s`` of unsent audio the oldest is dropped
        and counted, and :class:`AudioDropped` tells it once per outage.

        Raises:
            SessionClosed: The session was closed or failed; the cause is chained.
        """
        self._check_usable()
        for chunk in self._pipeline.push(pcm):
            self._append(chunk)
        self._start()

    def flush(self) -> None:
        """Ask for the results of what was pushed so far, behind that audio; returns at once.

        v1 sends ``Finalize``, Flux ``ForceEndTurn``. A partial chunk is sent first.

        Raises:
            SessionClosed: The session was closed or failed.
        """
        self._check_usable()
        self._append_tail()
        self._mark(self._strategy.flush)

    async def connect(self) -> None:
        """Open the connection now instead of at the first push.

        Raises:
            HandshakeRefused: The service refused, permanently or too often.
            ConnectFailed: It could not be reached, too often.
            SessionClosed: The session was closed.
        """
        self._check_usable()
        self._wanted = True
        self._start()
        await self._linked.wait()
        if self._link is None:
            raise self._error or SessionClosed("the session was closed while connecting")

    async def aclose(self) -> None:
        """Send what is left, take the last results, and close, all within ``drain_timeout_s``. Idempotent.

        The results can be read afterwards; the last event is :class:`SessionEnded`.
        """
        if not self._closing:
            self._closing = True
            self._finish_audio()
        if self._task is None:
            self._end(None)
            return
        try:
            await asyncio.wait({self._task}, timeout=self._settings.drain_timeout_s)
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    # Audio

    def _finish_audio(self) -> None:
        if self._error is None:
            self._append_tail()
            self._mark(self._strategy.finish)

    def _append_tail(self) -> None:
        for chunk in self._pipeline.flush():
            self._append(chunk)

    def _append(self, chunk: bytes) -> None:
        dropped = self._log.append(chunk)
        if not dropped:
            self._overflowing = (
                self._overflowing and self._log.queued_bytes > self._bytes(self._settings.buffer_s) // 2
            )
            return
        self._stats.lost_bytes += dropped
        if not self._overflowing:
            self._overflowing = True
            self._emit(AudioDropped(seconds=self._seconds(dropped), reason="buffer full"))

    def _mark(self, control: Control) -> None:
        self._log.mark(control)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        if self._link is not None:
            self._link.wake()

    # The session's task

    def _start(self) -> None:
        if self._task is None:
            self._began = asyncio.get_running_loop().time()
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._notify()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._serve()
        except Exception as failure:
            error = failure
        finally:
            self._end(error)
            if self._own_transport is not None:
                await self._own_transport.aclose()

    async def _serve(self) -> None:
        transport = self._transport or self._lease()
        dialer = Dialer(
            transport,
            self._credential,
            self._settings.backoff,
            connect_timeout_s=self._settings.connect_timeout_s,
            governor=self._governor,
            uniform=self._uniform,
        )
        while await self._has_work():
            connection = await dialer.open(self._strategy.url(self._base_url), self._on_retry)
            closed = await self._converse(connection, dialer)
            if closed is None:
                return

    def _lease(self) -> Transport:
        self._own_transport = shared_transport()
        return self._own_transport

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing and there is none."""
        while not self._wanted:
            if self._log.queued_bytes and (self._closing or self._log.end > self._idle_end):
                return True
            if self._closing:
                self._complete = not self._log.queued_bytes
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def _converse(self, connection: Connection, dialer: Dialer) -> Closed | None:
        """Live through one connection; returns how it ended, or ``None`` if nothing is left to do."""
        link = self._begin(connection)
        loop = asyncio.get_running_loop()
        opened = loop.time()
        try:
            closed = await link.run()
        finally:
            self._link = None
            self._linked.clear()
            lived_s = loop.time() - opened
            self._stats.connected_s += lived_s
        if closed.kind is EndKind.SUCCESS and self._closing:
            self._complete = True
            return None
        self._rewind()
        await self._recover(closed, dialer, lived_s=lived_s, progressed=link.progressed)
        return closed

    def _begin(self, connection: Connection) -> Link[EventT]:
        self._wanted = False
        self._strategy.begin()
        elapsed_s = asyncio.get_running_loop().time() - self._began if self._stats.connections else 0.0
        timeline = Timeline(
            frame_bytes=self._format.frame_bytes, bytes_per_s=self._format.bytes_per_s, offset_s=elapsed_s
        )
        self._stats.connections += 1
        self._link = Link(
            connection, self._strategy, self._log, timeline, self._settings, self._stats, self._events.put
        )
        self._linked.set()
        if self._stats.connections > 1:
            self._emit(
                Reconnected(request_id=connection.request_id, replayed_s=self._seconds(self._replayed))
            )
        return self._link

    _replayed = 0

    def _rewind(self) -> None:
        queued = self._log.queued_bytes
        lost = self._log.rewind()
        self._replayed = self._log.queued_bytes - queued
        self._stats.replayed_bytes += self._replayed
        if lost:
            self._stats.lost_bytes += lost
            self._emit(AudioDropped(seconds=self._seconds(lost), reason="replay limit"))

    async def _recover(self, closed: Closed, dialer: Dialer, *, lived_s: float, progressed: bool) -> None:
        """Decide what an ending nobody asked for means; wait before the next connection, or raise."""
        error = closed.error or SessionClosed("the service ended the stream")
        if closed.kind is EndKind.PERMANENT or not self._resumable():
            raise error
        delay_s = dialer.backoff.ended(
            lived_s=lived_s, progressed=progressed, throttled=closed.kind is EndKind.THROTTLE
        )
        if delay_s is None:
            raise error
        if closed.kind is EndKind.IDLE:
            self._idle_end = self._log.end
        if closed.kind in (EndKind.IDLE, EndKind.ROTATION):
            delay_s = 0.0
        self._emit(Reconnecting(attempt=dialer.backoff.attempts, delay_s=delay_s, error=closed.error))
        await asyncio.sleep(delay_s)

    def _resumable(self) -> bool:
        return self._strategy.resumable() or not self._stats.sent_bytes

    def _on_retry(self, event: Reconnecting) -> None:
        self._stats.refused += 1
        self._emit(event)

    # The end

    def _end(self, error: BaseException | None) -> None:
        if self._error is None:
            self._error = error
        if error is None:
            self._report_end()
        self._events.end(error)
        self._linked.set()

    def _report_end(self) -> None:
        if not self._complete and self._log.queued_bytes:
            self._stats.lost_bytes += self._log.queued_bytes
            self._emit(AudioDropped(seconds=self._seconds(self._log.queued_bytes), reason="closed"))
        self._emit(
            SessionEnded(
                complete=self._complete or not self._log.end,
                pushed_s=self._seconds(self._log.end),
                dropped_s=self._seconds(self._stats.lost_bytes),
                replayed_s=self._seconds(self._stats.replayed_bytes),
            )
        )

    def _check_usable(self) -> None:
        if self._error is not None:
            raise SessionClosed(f"the session has failed: {self._error}") from self._error
        if self._closing:
            raise SessionClosed("the session has been closed")

    def _emit(self, event: SessionEvent) -> None:
        self._events.put(event)

    def _bytes(self, seconds: float) -> int:
        frames = int(seconds * self._format.bytes_per_s) // self._format.frame_bytes
        return frames * self._format.frame_bytes or _COMPRESSED_QUEUE_BYTES

    def _seconds(self, size: int) -> float:
        return size / self._format.bytes_per_s if self._format.bytes_per_s else 0.0


_COMPRESSED_QUEUE_BYTES = 1 << 20
