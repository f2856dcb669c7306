"""The traffic of one connection of a speaking session, for both endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from speechwire.protocol import State as ProtocolState
from speechwire.session._connection import Connection
from speechwire.session._speak_rules import Finished, Refused, SpeakRules, StopRefused
from speechwire.session._states import Ending
from speechwire.session._wave_header import WaveHeader
from speechwire.session.metrics import SpeakStats
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import SpeakSettings
from speechwire.transport import WebSocket

__all__ = ["SpeakTraffic"]

EventT = TypeVar("EventT")

_NEVER = float("inf")


@dataclass(slots=True)
class _InFlight:
    """What this connection has done for the first batch of a request.

    Args:
        request: The request.
        skip_bytes: Bytes of audio to leave out, because an earlier connection delivered them.
        header: Removes a WAVE header; ``None`` if the encoding has none.
        sent: How many pieces of the batch were sent.
        flushed: Whether the flush was sent and waits for its answer.
        refused: Whether a flush of the batch was refused before.
        asked_at: When the service could first have spoken.
        spoken: Whether audio of the batch has come.
    """

    request: SpeakRequest
    skip_bytes: int
    header: WaveHeader | None
    sent: int = 0
    flushed: bool = False
    refused: bool = False
    asked_at: float | None = None
    spoken: bool = False


@dataclass(slots=True)
class _Stop:
    """An interruption that the service has not confirmed.

    Args:
        at: When it happened.
        heard_s: How many seconds of the batch had been heard; ``None`` if not known.
        sent: Whether it was sent to the service.
    """

    at: float
    heard_s: float | None = None
    sent: bool = False


class SpeakTraffic(Generic[EventT]):
    """Speaks one request after the other, one batch at a time.

    Args:
        websocket: An open WebSocket.
        rules: New rules, for this connection.
        next_request: Returns the first request that is not done; ``None`` without one.
        settings: Limits and deadlines.
        stats: The counters to update.
        bytes_per_s: Bytes of audio per second.
        has_header: Whether audio of this encoding may begin with a WAVE header.

    Attributes:
        connection: The connection, for the caller to run.
        progressed: Whether audio came that no earlier connection had delivered, or a batch was finished.
        retired: Whether the service was asked to end the connection.
    """

    def __init__(
        self,
        websocket: WebSocket,
        rules: SpeakRules[EventT],
        next_request: Callable[[], SpeakRequest | None],
        settings: SpeakSettings,
        stats: SpeakStats,
        *,
        bytes_per_s: int,
        has_header: bool,
    ) -> None:
        self.connection: Connection[EventT] = Connection(
            websocket,
            rules.protocol,
            self,
            send_timeout_s=settings.send_timeout_s,
            idle_s=settings.ping_s,
        )
        self.progressed = False
        self.retired = False
        self._rules = rules
        self._next_request = next_request
        self._settings = settings
        self._stats = stats
        self._bytes_per_s = bytes_per_s
        self._audio_limit_bytes = int(settings.audio_limit_s * bytes_per_s)
        self._has_header = has_header
        self._in_flight: _InFlight | None = None
        self._stop: _Stop | None = None
        self._retired_at = _NEVER
        self._progress_at = self.connection.now()
        self._paused = False  # the consumer is behind: deadlines of the service do not count

    def stop(self, request: SpeakRequest, heard_s: float | None = None) -> None:
        """Make the service drop a request, if it has any of it. `heard_s` seconds of it were heard."""
        if self._in_flight is not None and self._in_flight.request is request:
            known = self._in_flight.sent > 0
            self._in_flight = None
            if known:
                if heard_s is not None:
                    heard_s -= request.begun_bytes / self._bytes_per_s
                self._stop = _Stop(self.connection.now(), heard_s)
        self.connection.wake()

    def retire(self) -> None:
        """Ask the service to end the connection; audio that still comes is discarded."""
        self.retired = True
        self._in_flight = None
        self.connection.wake()

    # Receiving

    def take(self, event: EventT) -> None:
        """Take one event."""
        self._progress_at = now = self.connection.now()
        meaning = self._rules.read(event, now)
        if meaning is not None and (self._stop is None or self._stop.sent):
            if isinstance(meaning, bytes):
                self._on_audio(meaning)
            elif isinstance(meaning, Finished):
                self._on_finished()
            elif isinstance(meaning, StopRefused):
                self._stop = _Stop(now)  # again, without the offset that was refused
                self.connection.wake()
            else:
                self._on_refused(meaning)
        if self._stop is not None and self._stop.sent and not self._rules.stopping:
            self._stop = None
            self.connection.wake()

    def _on_audio(self, data: bytes) -> None:
        in_flight = self._current()
        if in_flight is None:
            self._stats.unclaimed_bytes += len(data)
            return
        if not in_flight.spoken:
            in_flight.spoken = True
            if in_flight.asked_at is not None:
                self._stats.first_audio.record(self._progress_at - in_flight.asked_at)
        self._deliver(in_flight, in_flight.header.take(data) if in_flight.header else data)

    def _deliver(self, in_flight: _InFlight, data: bytes) -> None:
        if in_flight.skip_bytes:
            skipped = min(in_flight.skip_bytes, len(data))
            in_flight.skip_bytes -= skipped
            data = data[skipped:]
        if not data:
            return
        self.progressed = True
        before = in_flight.request.audio_bytes
        in_flight.request.deliver(data)
        self._stats.audio_bytes += in_flight.request.audio_bytes - before

    def _on_finished(self) -> None:
        in_flight = self._in_flight
        if in_flight is None:
            return
        self._in_flight = None
        self.connection.wake()
        if in_flight.refused and not in_flight.spoken:
            return  # the service dropped the text when it refused: send it again
        if in_flight.header:
            self._deliver(in_flight, in_flight.header.finish())
        self.progressed = True
        in_flight.request.finish_batch()

    def _on_refused(self, refusal: Refused) -> None:
        """Flush again when allowed: after a refused flush, the service still has the text."""
        self._stats.refused_flushes += 1
        in_flight = self._in_flight
        if in_flight is None:
            return
        in_flight.flushed, in_flight.refused = False, True
        if refusal.error is not None:
            self._stats.failed += 1
            in_flight.request.fail(refusal.error)
            self.stop(in_flight.request)
        self.connection.wake()

    def has_room(self) -> bool:
        """Whether the consumer of the current request keeps up."""
        request = self._next_request()
        return request is None or request.waiting_bytes < self._audio_limit_bytes

    async def room(self) -> None:
        """Wait until the consumer of the current request has caught up."""
        request = self._next_request()
        if request is not None and request.waiting_bytes >= self._audio_limit_bytes:
            self._paused = True
            await request.room(self._audio_limit_bytes)
            self._paused = False
            self._progress_at = self.connection.now()

    def _current(self) -> _InFlight | None:
        """The state of the current request, created if needed; ``None`` without a request."""
        request = self._next_request()
        if self._in_flight is not None and self._in_flight.request is not request:
            self.stop(self._in_flight.request)  # it ended without telling this connection
        if self._in_flight is None and request is not None:
            header = WaveHeader() if self._has_header else None
            self._in_flight = _InFlight(request, request.batch_bytes, header)
        return self._in_flight

    # Sending

    async def send_all(self, connection: Connection[EventT]) -> None:
        """Send until cancelled."""
        while True:
            wait_s = await self._send_next()
            if wait_s is None or wait_s > 0:
                await connection.woken(wait_s)

    async def _send_next(self) -> float | None:
        """Send the next frame. Return 0, or else how long to wait; ``None`` means until woken."""
        if self._rules.protocol.state is not ProtocolState.OPEN:
            if self._next_request() is not None:  # a request need not wait for a retired connection to end
                self.connection.end(Ending.ROTATED)
            return None
        if self._stop is not None and not self._stop.sent:
            self._stop.sent = True
            await self.connection.send(self._rules.stop(self._stop.heard_s))
            return 0.0
        if self.retired:
            self._retired_at = self.connection.now()
            await self.connection.send(self._rules.protocol.close())
            return 0.0
        return await self._send_speech()

    async def _send_speech(self) -> float | None:
        if self._stop is not None and self._rules.next_waits_for_stop:
            return None
        in_flight = self._current()
        if in_flight is None:
            return None
        batch = in_flight.request.batches[0]
        if in_flight.flushed or not batch.has_words:
            return None
        if not in_flight.sent and self._rules.used_up(self.connection.now()):
            self.retire()  # a request waits: another connection can take its text at once
            return 0.0
        if in_flight.sent < len(batch.pieces):
            return await self._send_text(in_flight, batch.pieces[in_flight.sent])
        return await self._send_flush(in_flight) if batch.closed else None

    async def _send_text(self, in_flight: _InFlight, text: str) -> float:
        now = self.connection.now()
        wait_s = self._rules.text_wait_s(now, len(text))
        if wait_s > 0:
            if in_flight.sent:  # have the sent pieces spoken while the others must wait
                in_flight.request.split_batch(in_flight.sent)
                return 0.0
            return wait_s
        self._rules.add_text(now, len(text))
        if in_flight.asked_at is None and not self._rules.audio_needs_flush:
            in_flight.asked_at = now
        in_flight.sent += 1
        self._stats.characters += len(text)
        await self.connection.send(self._rules.protocol.speak(text))
        return 0.0

    async def _send_flush(self, in_flight: _InFlight) -> float:
        now = self.connection.now()
        wait_s = self._rules.flush_wait_s(now)
        if wait_s > 0:
            return wait_s
        self._progress_at = now
        in_flight.asked_at = in_flight.asked_at or now
        in_flight.flushed = True
        self._stats.flushes += 1
        await self.connection.send(self._rules.flush(now))
        return 0.0

    # Watching the time

    def due_at(self) -> float:
        """When the next deadline passes."""
        return min(self._stop_due(), self._answer_due(), self._end_due())

    def check(self, now: float) -> None:
        """End the connection if a deadline has passed; retire it if it is old and unused."""
        if now >= self._stop_due():
            self.connection.end(Ending.STALLED, "the service did not answer the interruption")
        if now >= self._end_due():
            self.connection.end(Ending.STALLED, "the service did not answer Close")
        if now >= self._answer_due():
            self._stats.stalls += 1
            silent_s = now - self._progress_at
            self.connection.end(
                Ending.STALLED, f"no audio for {silent_s:.1f} s although a flush is outstanding"
            )
        if self.connection.lived_s() >= self._settings.max_age_s and self._is_idle():
            self.retire()

    def keep_alive(self) -> bool:
        """Return false: a WebSocket ping keeps the connection open."""
        return False

    def _stop_due(self) -> float:
        return _NEVER if self._stop is None else self._stop.at + self._settings.fence_timeout_s

    def _answer_due(self) -> float:
        awaited = self._in_flight is not None and self._in_flight.flushed and not self._paused
        return self._progress_at + self._settings.progress_timeout_s if awaited else _NEVER

    def _end_due(self) -> float:
        return self._retired_at + self._settings.close_timeout_s

    def _is_idle(self) -> bool:
        return self._next_request() is None and self._in_flight is None and self._stop is None
