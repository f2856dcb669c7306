"""Reads the frames of one connection, with its idle and session timers and its record."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

from aiohttp import WSMsgType, web

from speechwire.emulator._outlet import Outlet
from speechwire.emulator.faults import FaultSession
from speechwire.emulator.journal import Connection, Journal

__all__ = ["Inlet", "Timeout", "Timers"]


class Timeout(Enum):
    """A limit that has passed."""

    IDLE = "idle"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Timers:
    """The time limits of a client.

    Attributes:
        idle_s: The longest time without activity, in seconds.
        session_s: The longest session, in seconds.
        ping_counts: Whether a WebSocket ping counts as activity.
        text_needs_audio: Whether text counts as activity only after audio has come.
    """

    idle_s: float
    session_s: float = math.inf
    ping_counts: bool = True
    text_needs_audio: bool = False


class Inlet:
    """Yields text as str, audio as bytes, and a timeout if one passes, until the connection has ended."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        record: Connection,
        journal: Journal,
        faults: FaultSession,
        outlet: Outlet,
    ) -> None:
        self._ws = ws
        self._record = record
        self._journal = journal
        self._outlet = outlet
        self._read_delay_s = faults.read_delay_s
        self._timers = Timers(math.inf)
        self._over_s = self._idle_s = math.inf
        self._timeout: asyncio.Timeout | None = None

    async def frames(self, timers: Timers) -> AsyncIterator[str | bytes | Timeout]:
        """Read until the end; once a timeout has been reported, there is no other."""
        self._timers = timers
        self._over_s = asyncio.get_running_loop().time() + timers.session_s
        self._alive()
        while True:
            frame = await self._receive_in_time()
            if frame is None:
                return
            if isinstance(frame, Timeout):
                self._over_s, self._timers = math.inf, Timers(math.inf)
                self._alive()
            yield frame

    async def _receive_in_time(self) -> str | bytes | Timeout | None:
        deadline_s = min(self._idle_s, self._over_s)
        try:
            async with asyncio.timeout_at(deadline_s if deadline_s < math.inf else None) as self._timeout:
                return await self._receive()
        except TimeoutError:
            return Timeout.IDLE if self._idle_s < self._over_s else Timeout.SESSION
        finally:
            self._timeout = None

    async def _receive(self) -> str | bytes | None:
        while True:
            message = await self._ws.receive()
            if self._outlet.half_open.is_set():
                await asyncio.Event().wait()
            if self._read_delay_s:
                await asyncio.sleep(self._read_delay_s)
            match message.type:
                case WSMsgType.TEXT:
                    return self._text(str(message.data))
                case WSMsgType.BINARY:
                    return self._binary(bytes(message.data))
                case WSMsgType.PING:
                    await self._ping(message.data)
                case WSMsgType.PONG:
                    self._extend_if(self._timers.ping_counts)
                case _:
                    self._ended(message.type, message.data, message.extra)
                    return None

    def _text(self, text: str) -> str:
        self._journal.text(self._record, text)
        if not self._timers.text_needs_audio or self._record.audio_frames > 0:
            self._alive()
        return text

    def _binary(self, data: bytes) -> bytes:
        self._journal.binary(self._record, data)
        self._alive()
        return data

    async def _ping(self, data: bytes) -> None:
        self._record.pings += 1
        self._extend_if(self._timers.ping_counts)
        if not self._outlet.closed:
            # Should the client be gone, the next receive reports how.
            with contextlib.suppress(ConnectionError):
                await self._ws.pong(data)

    def _alive(self) -> None:
        # The running timeout ends when this frame is returned, so only the next one must change.
        self._idle_s = asyncio.get_running_loop().time() + self._timers.idle_s

    def _extend_if(self, counts: bool) -> None:
        if counts:
            self._alive()
            if self._timeout and not self._timeout.expired():
                self._timeout.reschedule(min(self._idle_s, self._over_s))

    def _ended(self, kind: WSMsgType, data: object, extra: object) -> None:
        if kind is WSMsgType.CLOSE:
            self._journal.closed(self._record, "client", int(str(data or 1005)), str(extra or ""))
        elif kind is WSMsgType.ERROR:
            self._journal.closed(self._record, "server", self._ws.close_code or 1006, str(data))
        else:
            self._journal.closed(self._record, "client", 1006, "")
