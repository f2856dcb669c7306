"""One connection of Aura (``/v1/speak``): flushes with their answers, limits, ``Clear``."""

from __future__ import annotations

from collections import deque
from typing import Final

from speechwire.errors import ServiceError
from speechwire.protocol import EXCESSIVE_FLUSH, SpeakV1, SpeakV1Options, character_limit, flush_limit
from speechwire.protocol import speak_v1_events as speak
from speechwire.session._speak_link import SpeakLink
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import Segment, SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import WebSocket

__all__ = ["AuraLink"]

_REFUSED_FLUSH_WAITS_S: Final = (5.0, 10.0, 20.0, 40.0)


class AuraLink(SpeakLink[speak.Event]):
    """Audio comes after a flush and belongs to it.

    After an interruption ``Clear`` is sent and the next request may follow at once: the service takes
    messages in order, and the protocol throws away whatever comes before ``Cleared``.
    """

    def __init__(
        self,
        connection: WebSocket,
        options: SpeakV1Options,
        requests: deque[SpeakRequest],
        settings: SpeakSettings,
        stats: SpeakStats,
        bytes_per_s: int,
    ) -> None:
        self._protocol = SpeakV1(options)
        super().__init__(connection, self._protocol, requests, settings, stats, bytes_per_s)
        self._characters = character_limit()
        self._flushes = flush_limit()
        self._flushed: dict[int, tuple[SpeakRequest, Segment]] = {}
        self._refusals = 0
        self._flush_not_before = 0.0

    def _awaiting(self) -> bool:
        return bool(self._flushed)

    def _forget(self) -> None:
        self._flushed.clear()

    def _fence_frame(self) -> str:
        return self._protocol.clear()

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
            self._refusals = 0
            self._deliver(request, segment, event.data)

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

    # Sending

    async def _send_of(self, request: SpeakRequest) -> float | None:
        segment = next((segment for segment in request.segments if not segment.flushed), None)
        if segment is None or not segment.has_words:
            return None
        if segment.sent < len(segment.pieces):
            return await self._send_limited_text(request, segment)
        if segment.closed:
            return await self._send_limited_flush(request, segment)
        return None

    async def _send_limited_text(self, request: SpeakRequest, segment: Segment) -> float:
        length = len(segment.pieces[segment.sent])
        wait_s = self._characters.wait_s(self._now(), length)
        if wait_s > 0:
            if segment.sent:  # speak what there is while the rest has to wait
                request.segments.insert(request.segments.index(segment) + 1, segment.split())
                return 0.0
            return wait_s
        self._characters.add(self._now(), length)
        await self._send_text(request, segment)
        return 0.0

    async def _send_limited_flush(self, request: SpeakRequest, segment: Segment) -> float:
        now = self._now()
        wait_s = max(self._flush_not_before - now, self._flushes.wait_s(now))
        if wait_s > 0:
            return wait_s
        self._begin_flush(segment)
        self._flushes.add(now)
        self._flushed[self._protocol.next_flush_index] = (request, segment)
        await self._send(self._protocol.flush())
        return 0.0
