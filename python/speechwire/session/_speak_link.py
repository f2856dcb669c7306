"""One connection of a speaking session, from its opening to its end, for either endpoint."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, TypeVar

from speechwire.protocol import State
from speechwire.session._wire import Wire, WireProtocol
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import Segment, SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import WebSocket

__all__ = ["SpeakLink", "SpeakProtocol"]

EventT = TypeVar("EventT")


class SpeakProtocol(WireProtocol[EventT], Protocol[EventT]):
    """What both speaking protocols offer. See :mod:`speechwire.protocol`."""

    def speak(self, text: str) -> str: ...

    def flush(self) -> str: ...

    def close(self) -> str: ...


class SpeakLink(Wire[EventT]):
    """Speaks one request after the other; keeps apart what belongs to which.

    Only the first open request is on the wire.

    Args:
        connection: Open.
        protocol: New, for this connection.
        requests: In the order in which to speak them; finished ones are taken off.
        settings: Deadlines.
        stats: Counted into.
        bytes_per_s: Of the audio.
    """

    def __init__(
        self,
        connection: WebSocket,
        protocol: SpeakProtocol[EventT],
        requests: deque[SpeakRequest],
        settings: SpeakSettings,
        stats: SpeakStats,
        bytes_per_s: int,
    ) -> None:
        super().__init__(connection, protocol, send_timeout_s=settings.send_timeout_s, idle_s=settings.ping_s)
        self.progressed = False
        self._speak_protocol = protocol
        self._requests = requests
        self._settings = settings
        self._stats = stats
        self._audio_limit = int(settings.audio_limit_s * bytes_per_s)
        self._touched: SpeakRequest | None = None
        self._fence_wanted = False
        self._fenced_at: float | None = None
        self._close_wanted = False
        self._opened = self._progress_at = self._now()
        self._closing_at: float | None = None
        self._paused = False  # our consumer is behind, which is not the service's fault

    @property
    def aged(self) -> bool:
        """Whether it is time for a new connection."""
        return self._now() - self._opened >= self._settings.max_age_s

    @property
    def retired(self) -> bool:
        """Whether we asked for its end."""
        return self._close_wanted

    @property
    def idle(self) -> bool:
        """Whether no request is open and no answer is awaited."""
        return self._active() is None and not self._awaiting() and self._fenced_at is None

    def fence(self, request: SpeakRequest) -> None:
        """Have the service forget a request that was interrupted, if it knows of it."""
        if request is self._touched:
            self._touched = None
            self._forget()
            self._fence_wanted = True
            self._fenced_at = self._now()
        self.wake()

    def close(self) -> None:
        """Ask the service for the end."""
        self._close_wanted = True
        self.wake()

    # What an endpoint adds

    def _awaiting(self) -> bool:
        """Whether audio is owed to us."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Let go of what was on the wire: its request was interrupted."""
        raise NotImplementedError

    def _fence_frame(self) -> str:
        """The frame that makes the service forget."""
        raise NotImplementedError

    async def _send_of(self, request: SpeakRequest) -> float | None:
        """Send a request's next frame; returns 0, or how long to wait for more, ``None`` until woken."""
        raise NotImplementedError

    # Receiving

    def _deliver(self, request: SpeakRequest, segment: Segment, data: bytes) -> None:
        self.progressed = True
        if not segment.arrived:
            self._stats.first_audio.record(self._now() - segment.flushed_at)
        before = request.audio_bytes
        request.deliver(segment, data)
        self._stats.audio_bytes += request.audio_bytes - before

    def _has_room(self) -> bool:
        request = self._active()
        return request is None or request.waiting_bytes < self._audio_limit

    async def _room(self) -> None:
        request = self._active()
        if request is not None and not self._has_room():
            self._paused = True
            await request.room(self._audio_limit)
            self._paused = False
            self._progress_at = self._now()

    # Sending

    async def _send_all(self) -> None:
        while True:
            self._wake.clear()
            wait_s = await self._send_something()
            if wait_s is None or wait_s > 0:
                await self._pause(wait_s)

    async def _pause(self, wait_s: float | None) -> None:
        """Until woken, or for so long."""
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send_something(self) -> float | None:
        """Send the next frame; returns 0, or how long to wait for more, ``None`` until woken."""
        if self._speak_protocol.state is not State.OPEN:
            return None
        if self._fence_wanted:
            self._fence_wanted = False
            await self._send(self._fence_frame())
            return 0.0
        if self._close_wanted:
            self._closing_at = self._now()
            await self._send(self._speak_protocol.close())
            return None
        request = self._active()
        return None if request is None else await self._send_of(request)

    async def _send_text(self, request: SpeakRequest, segment: Segment) -> None:
        text = segment.pieces[segment.sent]
        segment.sent += 1
        self._touched = request
        self._stats.characters += len(text)
        await self._send(self._speak_protocol.speak(text))

    def _begin_flush(self, segment: Segment) -> None:
        """Take note of a flush that is about to be sent."""
        now = self._now()
        if not self._awaiting():
            self._progress_at = now
        segment.flushed, segment.flushed_at = True, now
        self._stats.flushes += 1

    def _active(self) -> SpeakRequest | None:
        while self._requests and self._requests[0].done:
            self._requests.popleft()
        return self._requests[0] if self._requests else None

    # Watching

    def _next_due(self) -> float:
        due = super()._next_due()
        if self._fenced_at is not None:
            due = min(due, self._fenced_at + self._settings.fence_timeout_s)
        if self._closing_at is not None:
            due = min(due, self._closing_at + self._settings.close_timeout_s)
        if self._awaiting() and not self._paused:
            due = min(due, self._progress_at + self._settings.progress_timeout_s)
        return due

    def _check(self, now: float) -> None:
        if self._fenced_at is not None and now - self._fenced_at >= self._settings.fence_timeout_s:
            self._give_up("the service did not answer the interruption")
        if self._closing_at is not None and now - self._closing_at >= self._settings.close_timeout_s:
            self._give_up("the service did not answer Close")
        silent_s = now - self._progress_at
        if self._awaiting() and not self._paused and silent_s >= self._settings.progress_timeout_s:
            self._stats.stalls += 1
            self._give_up(f"no audio for {silent_s:.1f} s although a flush is outstanding")
        if self.aged and self.idle:
            self.close()
