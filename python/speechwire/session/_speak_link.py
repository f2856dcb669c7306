"""One connection of a speaking session, from its opening to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from speechwire.errors import ServiceError
from speechwire.protocol import EXCESSIVE_FLUSH, SpeakV1, State, character_limit, flush_limit
from speechwire.protocol import speak_v1_events as speak
from speechwire.session._wire import Wire
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import Segment, SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import Connection

__all__ = ["SpeakLink"]

_REFUSED_FLUSH_WAITS_S: Final = (5.0, 10.0, 20.0, 40.0)


class SpeakLink(Wire[speak.Event]):
    """Speaks one request after the other; keeps apart what belongs to which.

    Only the first open request is on the wire. After an interruption ``Clear`` is sent and the next request
    may follow at once: the service takes messages in order, and the protocol throws away whatever comes
    before ``Cleared``.

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
        connection: Connection,
        protocol: SpeakV1,
        requests: deque[SpeakRequest],
        settings: SpeakSettings,
        stats: SpeakStats,
        bytes_per_s: int,
    ) -> None:
        super().__init__(connection, protocol, send_timeout_s=settings.send_timeout_s, idle_s=settings.ping_s)
        self.progressed = False
        self._protocol = protocol
        self._requests = requests
        self._settings = settings
        self._stats = stats
        self._audio_limit = int(settings.audio_limit_s * bytes_per_s)
        self._characters = character_limit()
        self._flushes = flush_limit()
        self._flushed: dict[int, tuple[SpeakRequest, Segment]] = {}
        self._touched: SpeakRequest | None = None
        self._clear_wanted = False
        self._fenced_at: float | None = None
        self._close_wanted = False
        self._opened = self._progress_at = self._now()
        self._closing_at: float | None = None
        self._paused = False  # our consumer is behind, which is not the service's fault
        self._refusals = 0
        self._flush_not_before = 0.0

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
        return self._active() is None and not self._flushed and self._fenced_at is None

    def fence(self, request: SpeakRequest) -> None:
        """Have the service forget a request that was interrupted, if it knows of it."""
        if request is self._touched:
            self._touched = None
            self._flushed.clear()
            self._clear_wanted = True
            self._fenced_at = self._now()
        self.wake()

    def close(self) -> None:
        """Ask the service for the end."""
        self._close_wanted = True
        self.wake()

    # Receiving

    def _handle(self, event: speak.Event) -> None:
        self._progress_at = self._now()
        match event:
            case speak.Audio():
                self._on_audio(event)
            case speak.Flushed():
                self._on_flushed(event)
            case speak.Cleared():
                self._fenced_at = self._fenced_at if self._protocol.clearing else None
                self.wake()
            case speak.Warning():
                self._on_warning(event)

    def _on_audio(self, event: speak.Audio) -> None:
        request, segment = self._flushed.get(event.flush_index, (None, None))
        if request is not None and segment is not None:
            self.progressed = True
            self._refusals = 0
            if not segment.arrived:
                self._stats.first_audio.record(self._now() - segment.flushed_at)
            before = request.audio_bytes
            request.deliver(segment, event.data)
            self._stats.audio_bytes += request.audio_bytes - before

    def _on_flushed(self, event: speak.Flushed) -> None:
        if event.flush_index is None or event.flush_index not in self._flushed:
            return
        request, segment = self._flushed.pop(event.flush_index)
        self.progressed = True
        if segment.refused and not segment.arrived:
            segment.rewind()  # the service had let go of the text when it refused the flush
        else:
            segment.done = True
            request.settle()
        self.wake()

    def _on_warning(self, event: speak.Warning) -> None:
        """A refused flush leaves its text in the service's buffer: flush again when the allowance is back."""
        if event.flush_index is None or event.flush_index not in self._flushed:
            return
        request, segment = self._flushed.pop(event.flush_index)
        self._stats.refused_flushes += 1
        if self._refusals == len(_REFUSED_FLUSH_WAITS_S):
            self._stats.failed += 1
            request.fail(ServiceError(event.code or EXCESSIVE_FLUSH, event.description, retryable=True))
            self.fence(request)
            return
        self._flush_not_before = self._now() + _REFUSED_FLUSH_WAITS_S[self._refusals]
        self._refusals += 1
        heir = request.following(segment)
        if heir is not None and heir.flushed:
            heir.absorb(segment)
            request.segments.remove(segment)
            request.owe_flush()
        else:
            segment.flushed, segment.refused = False, True
        self.wake()

    async def _room(self) -> None:
        request = self._active()
        if request is not None and request.waiting_bytes >= self._audio_limit:
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
        if self._protocol.state is not State.OPEN:
            return None
        if self._clear_wanted:
            self._clear_wanted = False
            await self._send(self._protocol.clear())
            return 0.0
        if self._close_wanted:
            self._closing_at = self._now()
            await self._send(self._protocol.close())
            return None
        request = self._active()
        return None if request is None else await self._send_of(request)

    async def _send_of(self, request: SpeakRequest) -> float | None:
        segment = next((segment for segment in request.segments if not segment.flushed), None)
        if segment is None or not segment.has_words:
            return None
        if segment.sent < len(segment.pieces):
            return await self._send_text(request, segment)
        if segment.closed:
            return await self._send_flush(request, segment)
        return None

    async def _send_text(self, request: SpeakRequest, segment: Segment) -> float:
        text = segment.pieces[segment.sent]
        wait_s = self._characters.wait_s(self._now(), len(text))
        if wait_s > 0:
            if segment.sent:  # speak what there is while the rest has to wait
                request.segments.insert(request.segments.index(segment) + 1, segment.split())
                return 0.0
            return wait_s
        segment.sent += 1
        self._touched = request
        self._stats.characters += len(text)
        self._characters.add(self._now(), len(text))
        await self._send(self._protocol.speak(text))
        return 0.0

    async def _send_flush(self, request: SpeakRequest, segment: Segment) -> float:
        now = self._now()
        wait_s = max(self._flush_not_before - now, self._flushes.wait_s(now))
        if wait_s > 0:
            return wait_s
        if not self._flushed:
            self._progress_at = now
        segment.flushed, segment.flushed_at = True, now
        self._stats.flushes += 1
        self._flushed[self._protocol.next_flush_index] = (request, segment)
        self._flushes.add(now)
        await self._send(self._protocol.flush())
        return 0.0

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
        if self._flushed and not self._paused:
            due = min(due, self._progress_at + self._settings.progress_timeout_s)
        return due

    def _check(self, now: float) -> None:
        if self._fenced_at is not None and now - self._fenced_at >= self._settings.fence_timeout_s:
            self._give_up("the service did not answer Clear")
        if self._closing_at is not None and now - self._closing_at >= self._settings.close_timeout_s:
            self._give_up("the service did not answer Close")
        if (
            self._flushed
            and not self._paused
            and now - self._progress_at >= self._settings.progress_timeout_s
        ):
            self._stats.stalls += 1
            self._give_up(f"no audio for {now - self._progress_at:.1f} s although a flush is outstanding")
        if self.aged and self.idle:
            self.close()
