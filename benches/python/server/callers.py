"""Many callers in one process, as cheap as Python can make them: frames are made once, and stamped."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from speechwire.load._wire import BINARY, TEXT, frame, request
from speechwire.load.dialects import DIALECTS, TWILIO_FIRST

__all__ = ["PCM", "TWILIO", "Callers", "Kind"]

_TICK_S: Final = 0.001


class Kind:
    """What a caller sends.

    Args:
        path: Where it calls.
        first: Text messages that begin the call.
        frame_ms: Length of its frames.
        frame_bytes: Their size.
        is_json: Whether audio goes as Twilio's ``media`` messages, else as binary messages.
    """

    def __init__(
        self, path: str, first: Sequence[Mapping[str, Any]], frame_ms: int, frame_bytes: int, *, is_json: bool
    ) -> None:
        self.path = path
        self.first = b"".join(frame(TEXT, json.dumps(message).encode()) for message in first)
        self.frame_ms = frame_ms
        filling = bytes([0x55]) * (frame_bytes - 9)
        if is_json:
            message = {
                "event": "media",
                "sequenceNumber": "100000",
                "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
                "media": {"track": "inbound", "chunk": "100000", "timestamp": "2000000", "payload": "@"},
            }
            before, after = json.dumps(message).encode().split(b"@")
            encoded = base64.b64encode(filling)
            whole = frame(TEXT, before + b"#" * 12 + encoded + after)
            self._head, self._tail = whole.split(b"#" * 12)
        else:
            whole = frame(BINARY, b"#" * 9 + filling)
            self._head, self._tail = whole.split(b"#" * 9)
        self._is_json = is_json

    def frame(self) -> bytes:
        """A frame of now."""
        stamp = (time.monotonic_ns() // 1000).to_bytes(8, "big") + b"\x55"
        return self._head + (base64.b64encode(stamp) if self._is_json else stamp) + self._tail


TWILIO = Kind(
    DIALECTS["twilio"].path,
    TWILIO_FIRST,
    20,
    160,
    is_json=True,
)
PCM = Kind("/call/freeswitch?sample_rate=16000", [{"uuid": "1"}], 80, 2560, is_json=False)


class _Caller(asyncio.Protocol):
    """One call: it says when it is on, counts what comes, and throws it away."""

    def __init__(self, kind: Kind, on: asyncio.Future[None]) -> None:
        self.received = 0
        self._kind = kind
        self._on = on
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(request(self._kind.path, "127.0.0.1"))

    def data_received(self, data: bytes) -> None:
        if self._on.done():
            self.received += data.count(b'"event":"caption"')
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            if b" 101 " not in self._head[:20]:
                self._on.set_exception(ConnectionError(self._head[:60].decode()))
                return
            self._on.set_result(None)
            self.transport.write(self._kind.first)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._on.done():
            self._on.set_exception(exc or ConnectionError("closed"))


class Callers:
    """Calls that are on.

    Args:
        kind: What they send.
        port: Where to.

    Attributes:
        late_s: How late this process was with a frame at its worst: what it adds to every figure.
        sent: Frames.
    """

    def __init__(self, kind: Kind, port: int) -> None:
        self.late_s = 0.0
        self.sent = 0
        self._kind = kind
        self._port = port
        self._callers: list[_Caller] = []

    @property
    def captions(self) -> int:
        """Captions that came back."""
        return sum(caller.received for caller in self._callers)

    @property
    def without_captions(self) -> int:
        """Calls that had none."""
        return sum(not caller.received for caller in self._callers)

    async def dial(self, count: int) -> None:
        """Have so many more on."""
        for _ in range(count):
            on: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            caller = _Caller(self._kind, on)
            await asyncio.get_running_loop().create_connection(lambda c=caller: c, "127.0.0.1", self._port)  # type: ignore[misc]
            await on
            self._callers.append(caller)

    async def talk(self, seconds: float, *, speed: float = 1.0, catches_up: bool = True) -> None:
        """Send audio, the callers spread evenly over a frame's length.

        Args:
            seconds: Of audio.
            speed: In multiples of real time.
            catches_up: Whether what is late is sent all the same; else the rest is later too.
        """
        slots: list[list[_Caller]] = [[] for _ in range(self._kind.frame_ms)]
        for index, caller in enumerate(self._callers):
            slots[index % len(slots)].append(caller)
        frame = self._kind.frame
        begin_s = time.monotonic()
        for tick in range(int(seconds / _TICK_S)):
            ahead_s = begin_s + tick * _TICK_S / speed - time.monotonic()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            else:
                self.late_s = max(self.late_s, -ahead_s)
                begin_s -= 0.0 if catches_up else ahead_s
                if tick % 4 == 0:
                    await asyncio.sleep(0)
            for caller in slots[tick % len(slots)]:
                caller.transport.write(frame())
                self.sent += 1
