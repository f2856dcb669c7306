"""One call over a raw socket: it counts what comes, and keeps nothing."""

from __future__ import annotations

import asyncio
from typing import cast

from speechwire.load import _wire
from speechwire.load.dialects import Dialect
from speechwire.load.ledger import Ledger, Script

__all__ = ["Caller", "Refused"]

_LONGEST_HEAD = 16_384


class Refused(Exception):
    """The server did not take the call."""


class Caller(asyncio.Protocol):
    """A call.

    Args:
        dialect: Its protocol.
        index: The number of the caller, which decides its first word.
        request: The HTTP request for the upgrade.

    Attributes:
        on: Done when the call was accepted; raises :class:`Refused`.
        gone: Done when the connection has ended, with its close code (1006 without one).
        turns: For each turn that was transcribed, the time and its delay.
        frames: How many frames were sent.
    """

    def __init__(self, dialect: Dialect, index: int, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.on: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[int] = loop.create_future()
        self.turns: list[tuple[float, float]] = []
        self.frames = 0
        self.script = Script(dialect.frame_ms, index * 7 % 100)
        self.ledger = Ledger(self.script.first)
        self._dialect = dialect
        self._request = request
        self._head = b""
        self._frames = _wire.Frames()
        self._code = 1006
        self._clock = loop.time
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take whatever came."""
        if not self.on.done():
            data = self._answer(data)
        try:
            frames = self._frames.feed(data) if data else []
        except ValueError:
            self.abort()
            return
        for opcode, payload in frames:
            self._take(opcode, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        if not self.on.done():
            self.on.set_exception(Refused(type(exc).__name__ if exc else "closed"))
        if not self.gone.done():
            self.gone.set_result(self._code)

    def say(self) -> None:
        """Send the next frame."""
        if self._transport is None or self.gone.done():
            return
        index, self.frames = self.frames, self.frames + 1
        self._transport.write(self._dialect.frame(self.script.word(index)))
        if self.script.turn_ended(index):
            self.ledger.turn_said(self._clock())

    def say_silence(self) -> None:
        """Send a frame of silence, which begins no turn."""
        if self._transport is not None and not self.gone.done():
            self._transport.write(self._dialect.frame(0))

    def hang_up(self) -> None:
        """End the call: send the last messages, or a close frame if the dialect has none."""
        if self._transport is not None and not self.gone.done():
            close = _wire.frame(_wire.CLOSE, (1000).to_bytes(2, "big"))
            self._transport.write(self._dialect.goodbye or close)

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, data: bytes) -> bytes:
        """Handle the response to the upgrade; return the bytes after it."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(self._head) > _LONGEST_HEAD:
                self.abort()
            return b""
        status = head.split(b" ", 2)[1:2]
        if status != [b"101"]:
            self.on.set_exception(Refused(status[0].decode("ascii", "replace") if status else "no HTTP"))
            self.abort()
            return b""
        self.on.set_result(None)
        assert self._transport is not None
        self._transport.write(self._dialect.opening)
        return rest

    def _take(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        if opcode == _wire.TEXT:
            transcript = self._dialect.turn(payload)
            if transcript is not None:
                now_s = self._clock()
                delay_s = self.ledger.turn_heard(transcript, now_s)
                if delay_s is not None:
                    self.turns.append((now_s, delay_s))
        elif opcode == _wire.PING:
            self._transport.write(_wire.frame(_wire.PONG, payload))
        elif opcode == _wire.CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._transport.close()
