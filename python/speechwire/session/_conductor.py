"""The one task of a listening session: from the first audio to the last result, over all connections."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Generic, Literal, TypeVar

from speechwire.errors import ServiceError, SessionClosed, SpeechwireError
from speechwire.protocol import Closed, EndKind
from speechwire.protocol import listen_v1_events as nova
from speechwire.protocol import listen_v2_events as flux
from speechwire.session._audio_log import AudioLog
from speechwire.session._dialer import Dialer, Dialing
from speechwire.session._event_queue import EventQueue
from speechwire.session._link import Control, Link
from speechwire.session._strategy import AudioFormat, Strategy
from speechwire.session._timeline import Timeline
from speechwire.session.events import AudioDropped, Reconnected, Reconnecting, SessionEnded, SessionEvent
from speechwire.session.metrics import ListenStats
from speechwire.session.settings import ListenSettings
from speechwire.transport import WebSocket

__all__ = ["Conductor"]

EventT = TypeVar("EventT")

_logger = logging.getLogger("speechwire.session")

_COMPRESSED_QUEUE_BYTES: Final = 1 << 20


class Conductor(Generic[EventT]):
    """Waits for audio, connects, lives through one connection after the other, and ends the event stream.

    Args:
        strategy: The endpoint.
        base_url: Where the service is.
        dialing: How to reach it.
        settings: Limits and deadlines.

    Attributes:
        events: What the consumer reads.
        stats: Counters.
        error: Why the session failed for good.
        accepting: Whether the session takes audio: it is neither closing nor has it failed.
        closing: Whether the end was asked for.
        started: Whether the task has been started.
        format: Of the audio.
        linked: Set while there is a connection, and at the end.
    """

    def __init__(
        self, strategy: Strategy[EventT], base_url: str, dialing: Dialing, settings: ListenSettings
    ) -> None:
        self.events: EventQueue[EventT | SessionEvent] = EventQueue(settings.event_limit, strategy.is_interim)
        self.stats = ListenStats()
        self.error: BaseException | None = None
        self.accepting = True
        self.closing = False
        self.started = False
        self.linked = asyncio.Event()
        self._strategy = strategy
        self._base_url = base_url
        self._dialing = dialing
        self._settings = settings
        self.format = strategy.format()
        self._queue_bytes = _size(self.format, settings.buffer_s)
        self._log: AudioLog[Control] = AudioLog(
            frame_bytes=self.format.frame_bytes,
            queue_bytes=self._queue_bytes,
            replay_bytes=_size(self.format, settings.replay_s) if self.format.bytes_per_s else 0,
        )
        self._task: asyncio.Task[None] | None = None
        self._link: Link[EventT] | None = None
        self._spare: WebSocket | None = None
        self._rollover_asked = asyncio.Event()
        self._rolled: asyncio.Future[None] | None = None
        self._answer: asyncio.Future[ServiceError | None] | None = None
        self._changed = asyncio.Event()
        self._wanted = False
        self._complete = False
        self._overflowing = False
        self._idle_end = 0
        self._replayed = 0
        self._links = 0
        self._began = 0.0

    @property
    def link(self) -> Link[EventT] | None:
        """The current connection's, if there is one."""
        return self._link

    @property
    def over(self) -> bool:
        """Whether the task has ended, or will never begin."""
        return self.closing if self._task is None else self._task.done()

    @property
    def kept_bytes(self) -> int:
        """Audio kept: what waits to be sent and what may have to be sent again."""
        return self._log.queued_bytes + self._log.kept_bytes

    # From outside the task

    def push(self, chunks: list[bytes]) -> None:
        """Send audio in this very call where that is possible, else queue it for the task."""
        link = self._link
        for chunk in chunks:
            if link is not None and link.send_live(chunk):
                self._overflowing = False
            else:
                self.append(chunk)
        if link is None or self._log.waiting:
            self.start()

    def append(self, chunk: bytes) -> None:
        """Queue audio, dropping the oldest beyond the bound; one event tells of each outage."""
        dropped = self._log.append(chunk)
        if dropped:
            self.stats.lost_bytes += dropped
            if not self._overflowing:
                self._emit(AudioDropped(seconds=self._seconds(dropped), reason="buffer full"))
            self._overflowing = True
        elif self._log.queued_bytes <= self._queue_bytes // 2:
            self._overflowing = False

    def mark(self, control: Control) -> None:
        """Queue a control message behind the audio so far."""
        self._log.mark(control)
        self.notify()

    def start(self, *, connect: bool = False) -> None:
        """Start the task if need be, and let it look for work; ``connect`` even without audio.

        The first start connects in any case: the handshake need not wait for the first whole chunk.
        """
        self._wanted = self._wanted or connect or self._task is None
        if self._task is None:
            self.started = True
            loop = asyncio.get_running_loop()
            self._began = loop.time()
            self._task = loop.create_task(self._run())
        self.notify()

    def notify(self) -> None:
        """Let the task look for work."""
        self._changed.set()
        if self._link is not None:
            self._link.wake()

    def expect_answer(self) -> asyncio.Future[ServiceError | None]:
        """The outcome of the ``Configure`` that will be sent next: ``None``, or the refusal."""
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def roll_over(self) -> None:
        """Replace the connection, if there is one, at the next boundary.

        Raises:
            HandshakeRefused: The new connection was refused; the old one stays.
            ConnectFailed: It could not be opened; the old one stays.
        """
        if self._link is not None:
            self._rolled = asyncio.get_running_loop().create_future()
            self._rollover_asked.set()
            await self._rolled

    def stop_accepting(self) -> None:
        """Take no more audio: the session is closing."""
        self.accepting = False
        self.closing = True

    async def close(self) -> None:
        """Finish what is queued within the deadline, then end."""
        self.stop_accepting()
        if self._task is None:
            self._complete = True
            self._end(None)
            return
        self.notify()
        nothing_left = self._link is None and not self._log.queued_bytes
        self._complete = self._complete or nothing_left
        try:
            await asyncio.wait({self._task}, timeout=0 if nothing_left else self._settings.drain_timeout_s)
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    # The task

    async def _run(self) -> None:
        dialer = Dialer(self._dialing, self._settings.backoff, self._settings.connect_timeout_s, self.stats)
        error: BaseException | None = None
        try:
            while await self._has_work() and await self._converse(await self._connection(dialer), dialer):
                pass
        except Exception as failure:
            error = failure
        finally:
            self._end(error)
            if self._spare is not None:
                self._spare.abort()
            await dialer.aclose()

    async def _has_work(self) -> bool:
        """Wait for a reason to connect; false when the session is closing and there is none."""
        while not self._wanted:
            if self._log.queued_bytes and (self.closing or self._log.end > self._idle_end):
                return True
            if self.closing:
                self._complete = not self._log.queued_bytes
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def _connection(self, dialer: Dialer) -> WebSocket:
        spare, self._spare = self._spare, None
        return spare or await dialer.open(self._strategy.url(self._base_url), self._emit)

    async def _converse(self, connection: WebSocket, dialer: Dialer) -> bool:
        """Live through one connection; returns whether there may be another."""
        loop = asyncio.get_running_loop()
        opened = loop.time()
        link = self._begin(connection)
        rolling = loop.create_task(self._roll(link, dialer))
        try:
            closed = await link.run()
        finally:
            self._link = None
            self.linked.clear()
            rolling.cancel()
            await asyncio.wait({rolling})
            self._settle_rollover(None)
            self.stats.connected_s += loop.time() - opened
        if closed.kind is EndKind.SUCCESS and self.closing:
            self._complete = True
            return False
        self._rewind()
        if not link.retired:
            await self._recover(closed, dialer, lived_s=loop.time() - opened, progressed=link.progressed)
        return True

    def _begin(self, connection: WebSocket) -> Link[EventT]:
        self._wanted = False
        self._strategy.begin()
        elapsed_s = asyncio.get_running_loop().time() - self._began if self._links else 0.0
        timeline = Timeline(
            frame_bytes=self.format.frame_bytes, bytes_per_s=self.format.bytes_per_s, offset_s=elapsed_s
        )
        self._link = Link(
            connection, self._strategy, self._log, timeline, self._settings, self.stats, self._deliver
        )
        self._links += 1
        self.linked.set()
        if self._links > 1:
            replayed_s = self._seconds(self._replayed)
            self._emit(Reconnected(request_id=connection.request_id, replayed_s=replayed_s))
        return self._link

    def _rewind(self) -> None:
        queued = self._log.queued_bytes
        lost = self._log.rewind()
        self._replayed = self._log.queued_bytes - queued
        self.stats.replayed_bytes += self._replayed
        if lost:
            self.stats.lost_bytes += lost
            self._emit(AudioDropped(seconds=self._seconds(lost), reason="replay limit"))

    async def _recover(self, closed: Closed, dialer: Dialer, *, lived_s: float, progressed: bool) -> None:
        """Decide what an ending nobody asked for means; wait before the next connection, or raise."""
        error = closed.error or SessionClosed("the service ended the stream")
        throttled = closed.kind is EndKind.THROTTLE
        delay_s = dialer.backoff.ended(lived_s=lived_s, progressed=progressed, throttled=throttled)
        if closed.kind is EndKind.PERMANENT or delay_s is None or not self._resumable():
            raise error
        if closed.kind is EndKind.IDLE:
            self._idle_end = self._log.end
        if closed.kind in (EndKind.IDLE, EndKind.ROTATION):
            delay_s = 0.0
        self._emit(Reconnecting(attempt=dialer.backoff.attempts, delay_s=delay_s, error=closed.error))
        await asyncio.sleep(delay_s)

    def _resumable(self) -> bool:
        return self._strategy.resumable() or not self.stats.sent_bytes

    # Make before break

    async def _roll(self, link: Link[EventT], dialer: Dialer) -> None:
        """When asked or when the connection is old: open another, wait for a boundary, and change over."""
        try:
            async with asyncio.timeout(self._settings.max_age_s):
                await self._rollover_asked.wait()
        except TimeoutError:
            pass
        self._rollover_asked.clear()
        try:
            self._spare = await dialer.open(self._strategy.url(self._base_url), self._emit)
        except SpeechwireError as failure:
            _logger.warning("the connection stays, as no other could be opened: %s", failure)
            self._settle_rollover(failure)
            return
        await link.boundary(self._settings.rollover_wait_s)
        self.stats.rollovers += 1
        link.retire()

    def _settle_rollover(self, failure: SpeechwireError | None) -> None:
        """Tell whoever asked. Whatever ended a connection, the next has the options of now."""
        rolled, self._rolled = self._rolled, None
        if rolled is None or rolled.done():
            return
        if failure is None:
            rolled.set_result(None)
        else:
            rolled.set_exception(failure)

    # The end

    def _end(self, error: BaseException | None) -> None:
        self.error = self.error or error
        self.accepting = False
        if self.error is None:
            self._report_end()
        self.events.end(error)
        self.linked.set()

    def _report_end(self) -> None:
        if not self._complete and self._log.queued_bytes:
            self.stats.lost_bytes += self._log.queued_bytes
            self._emit(AudioDropped(seconds=self._seconds(self._log.queued_bytes), reason="closed"))
        self._emit(
            SessionEnded(
                complete=self._complete,
                pushed_s=self._seconds(self._log.end),
                dropped_s=self._seconds(self.stats.lost_bytes),
                replayed_s=self._seconds(self.stats.replayed_bytes),
            )
        )

    def _deliver(self, event: EventT) -> None:
        self.events.put(event)
        if self._answer is not None and not self._answer.done():
            outcome = _configure_outcome(event)
            if outcome is not None:
                self._answer.set_result(outcome or None)

    def _emit(self, event: SessionEvent) -> None:
        if isinstance(event, (Reconnecting, AudioDropped)):
            _logger.warning("%s", event)
        self.events.put(event)

    def _seconds(self, size: int) -> float:
        return size / self.format.bytes_per_s if self.format.bytes_per_s else 0.0


def _configure_outcome(event: object) -> ServiceError | Literal[False] | None:
    """The refusal, false for a success, ``None`` if the event answers no ``Configure``."""
    match event:
        case nova.ConfigureSuccess() | flux.ConfigureSuccess():
            return False
        case nova.ConfigureFailure() | flux.ConfigureFailure():
            return ServiceError(event.code, event.description, request_id=event.request_id)
        case nova.Error():
            return ServiceError(str(event.code or event.variant), event.description)
    return None


def _size(audio: AudioFormat, seconds: float) -> int:
    """Whole frames."""
    frames = int(seconds * audio.bytes_per_s) // audio.frame_bytes
    return frames * audio.frame_bytes or _COMPRESSED_QUEUE_BYTES
