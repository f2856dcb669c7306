"""Many callers in one process, as cheap as Python can make them: frames are made once, and stamped."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, cast

from benches.python.server import stamps
from benches.python.server.contenders import Line

from speechwire.load._wire import BINARY, TEXT, Frames, frame, request

__all__ = ["KINDS", "Callers", "Kind"]

_TICK_S: Final = 0.001
_FIRST_MS: Final = 80
"""What a caller says at once, behind its first messages: the time until it is on the wire is the server's."""
_sent_at = re.compile(rb"\d{16}").search
_STREAM: Final = "MZ18ad3ab5a668481ce02b83e7395059f0"


@dataclass(frozen=True)
class Kind:
    """What a caller sends.

    Attributes:
        name: On command lines.
        title: In tables.
        frame_ms: Length of its frames.
        frame_bytes: Their audio.
        is_json: Whether audio goes as Twilio's ``media`` messages, else as binary messages.
    """

    name: str
    title: str
    frame_ms: int
    frame_bytes: int
    is_json: bool

    def pieces(self) -> tuple[bytes, bytes]:
        """A frame, but for its stamp."""
        filling = stamps.FILLING * (self.frame_bytes - stamps.STAMP_BYTES - 1)
        place = b"#" * len(self.stamp(0))
        if not self.is_json:
            head, tail = frame(BINARY, place + filling).split(place)
            return head, tail
        payload = place + base64.b64encode(filling)
        media = {"track": "inbound", "chunk": "100000", "timestamp": "2000000", "payload": payload.decode()}
        message = {"event": "media", "sequenceNumber": "100000", "streamSid": _STREAM, "media": media}
        head, tail = frame(TEXT, json.dumps(message).encode()).split(place)
        return head, tail

    def stamp(self, now_us: int) -> bytes:
        """What goes between the pieces: nine bytes, which are whole in base64."""
        stamp = stamps.made(now_us) + stamps.FILLING
        return base64.b64encode(stamp) if self.is_json else stamp


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("twilio", "20 ms mu-law as Twilio's JSON", 20, 160, is_json=True),
        Kind("pcm", "80 ms of 16 kHz PCM, binary", 80, 2560, is_json=False),
    )
}


class Tally:
    """What came back to all callers.

    Attributes:
        captions: Messages with a transcript.
        turns: Those that end a turn.
        latencies_us: From the service's send to the caller.
    """

    def __init__(self) -> None:
        self.captions = 0
        self.turns = 0
        self.latencies_us = array("q")

    def take(self, payload: bytes) -> None:
        """Count a caption."""
        self.captions += 1
        self.turns += b'"EndOfTurn"' in payload
        if found := _sent_at(payload):
            self.latencies_us.append(time.monotonic_ns() // 1000 - int(found[0]))


class _Caller(asyncio.Protocol):
    """One call: it says when it is on, and counts what comes."""

    def __init__(self, line: Line, opening: bytes, tally: Tally, on: asyncio.Future[None]) -> None:
        self.captions = 0
        self.is_gone = False
        self._line = line
        self._marker = line.caption
        self._opening = opening
        self._tally = tally
        self._on = on
        self._head = b""
        self._frames = Frames()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self.transport.write(request(self._line.path, "127.0.0.1"))

    def say(self, data: bytes) -> None:
        """Send a frame: past the transport, which costs as much again, unless something waits there."""
        if self.is_gone:
            return
        if not self.transport.get_write_buffer_size():
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # the loop will say so
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if not self._on.done():
            data = self._shake_hands(data)
        for _, payload in self._frames.feed(data):
            if self._marker in payload:
                self.captions += 1
                self._tally.take(payload)

    def _shake_hands(self, data: bytes) -> bytes:
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            return b""
        if b" 101 " in head[:20]:
            self._on.set_result(None)
            self.transport.write(self._opening)
        else:
            self._on.set_exception(ConnectionError(head[:60].decode()))
        return rest

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        self._socket.close()
        if not self._on.done():
            self._on.set_exception(exc or ConnectionError("closed"))


class Callers:
    """Calls that are on.

    Args:
        kind: What they send.
        line: How they reach the server, and know captions.
        port: Where to.

    Attributes:
        late_s: How late this process was with a frame at its worst: what it adds to every figure.
        sent: Frames.
        missed_s: Seconds of audio that each caller has not sent because it joined late.
        tally: What came back.
    """

    def __init__(self, kind: Kind, line: Line, port: int) -> None:
        self.late_s = 0.0
        self.sent = 0
        self.missed_s: list[float] = []
        self.tally = Tally()
        self._kind = kind
        self._line = line
        self._port = port
        self._callers: list[_Caller] = []
        self._first = b"".join(frame(TEXT, json.dumps(message).encode()) for message in line.first)
        self._head, self._tail = kind.pieces()

    @property
    def without_captions(self) -> int:
        """Calls that had none."""
        return sum(not caller.captions for caller in self._callers)

    @property
    def gone(self) -> int:
        """Calls that the server has ended."""
        return sum(caller.is_gone for caller in self._callers)

    async def dial(self, count: int) -> None:
        """Have so many more on, in turn; each says its first 80 ms at once, stamped as it dials."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            on: asyncio.Future[None] = loop.create_future()
            opening = self._first + self.frame() * (_FIRST_MS // self._kind.frame_ms)
            caller = _Caller(self._line, opening, self.tally, on)
            await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", self._port)  # type: ignore[misc]
            await on
            self._callers.append(caller)

    def frame(self) -> bytes:
        """A frame of now."""
        return self._head + self._kind.stamp(time.monotonic_ns() // 1000) + self._tail

    def hang_up(self) -> None:
        """Drop all connections."""
        for caller in self._callers:
            caller.transport.abort()
        self._callers.clear()

    async def talk(self, seconds: float, *, joining: bool = False, **pace: Any) -> None:
        """Send audio, as many frames for each caller, spread evenly over a frame's length.

        Args:
            seconds: Of audio, to the nearest frame.
            joining: Whether the callers begin one after the other, over all this time. As with real calls,
                neither their messages nor their results are then complete at the same moment.
            pace: As of :meth:`_ticks`.
        """
        length = self._kind.frame_ms
        slots: list[list[_Caller]] = [[] for _ in range(length)]
        ticks = round(seconds / _TICK_S / length) * length
        count = len(self._callers)
        missed = [index * ticks // count // length if joining else 0 for index in range(count)]
        if joining:
            self.missed_s = [frames * length / 1000 for frames in missed]
        waiting = deque((frames * length, index) for index, frames in enumerate(missed))
        async for tick in self._ticks(ticks, **pace):
            while waiting and waiting[0][0] <= tick:
                _, index = waiting.popleft()
                slots[index % length].append(self._callers[index])
            if slot := slots[tick % length]:
                data = self.frame()
                for caller in slot:
                    caller.say(data)
                self.sent += len(slot)

    async def _ticks(self, count: int, *, speed: float = 1.0, catches_up: bool = True) -> AsyncIterator[int]:
        """Count milliseconds.

        Args:
            count: How many.
            speed: In multiples of real time.
            catches_up: Whether what is late is sent all the same; else the rest is later too.
        """
        begin_s = time.monotonic()
        for tick in range(count):
            ahead_s = begin_s + tick * _TICK_S / speed - time.monotonic()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            else:
                self.late_s = max(self.late_s, -ahead_s)
                begin_s -= 0.0 if catches_up else ahead_s
                if tick % 4 == 0:
                    await asyncio.sleep(0)
            yield tick
