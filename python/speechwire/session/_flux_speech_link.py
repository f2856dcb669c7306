"""One connection of Flux TTS (``/v2/speak``): one turn at a time, audio while the text still comes."""

from __future__ import annotations

from collections import deque

from speechwire.protocol import SpeakV2, SpeakV2Options
from speechwire.protocol import speak_v2_events as speak
from speechwire.session._speak_link import SpeakLink
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import Segment, SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import WebSocket

__all__ = ["FluxSpeechLink"]


class FluxSpeechLink(SpeakLink[speak.Event]):
    """A segment of a request is a turn: text, ``Flush``, and audio until ``SpeechMetadata``.

    The next turn's text waits for that end, and after an interruption for the answer to ``Interrupt``: what
    becomes of turns that wait at the service when the active one is interrupted is not documented.
    """

    def __init__(
        self,
        connection: WebSocket,
        options: SpeakV2Options,
        requests: deque[SpeakRequest],
        settings: SpeakSettings,
        stats: SpeakStats,
        bytes_per_s: int,
    ) -> None:
        self._protocol = SpeakV2(options)
        super().__init__(connection, self._protocol, requests, settings, stats, bytes_per_s)
        self._turn: tuple[SpeakRequest, Segment] | None = None

    def _awaiting(self) -> bool:
        return self._turn is not None and self._turn[1].flushed

    def _forget(self) -> None:
        self._turn = None

    def _fence_frame(self) -> str:
        return self._protocol.interrupt()

    # Receiving

    def _handle(self, event: speak.Event) -> None:
        self._progress_at = self._now()
        match event:
            case speak.Audio():
                if self._turn is not None:
                    self._deliver(*self._turn, event.data)
            case speak.SpeechMetadata():
                self._on_end()
        if self._fenced_at is not None and not self._fence_wanted and not self._protocol.interrupting:
            self._fenced_at = None
            self.wake()

    def _on_end(self) -> None:
        if self._turn is None or not self._turn[1].flushed:
            return
        request, segment = self._turn
        self._turn = None
        self.progressed = True
        segment.done = True
        request.settle()
        self.wake()

    # Sending

    async def _send_of(self, request: SpeakRequest) -> float | None:
        segment = next((segment for segment in request.segments if not segment.done), None)
        if segment is None or segment.flushed or not segment.has_words or self._fenced_at is not None:
            return None
        if segment.sent < len(segment.pieces):
            if self._turn is None:
                self._turn = (request, segment)
                segment.flushed_at = self._now()  # audio may come before the flush
            await self._send_text(request, segment)
            return 0.0
        if segment.closed:
            self._begin_flush(segment)
            await self._send(self._protocol.flush())
            return 0.0
        return None
