"""A Deepgram that costs as little as it can: it counts audio, notes when it came, and sends what is due.

    python -m benches.python.streams.server

prints its port and serves until its standard input ends. ``GET /report`` gives what arrived since the start,
``GET /forget`` begins anew, ``GET /quiet`` ends the results. A stream is known by the digits at the end of
its API key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import ssl
import struct
import sys
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

from benches.python.streams import traffic
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.speech import Speaking
from benches.python.streams.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    accept_key,
    encode,
    frames,
    unmasked,
)
from benches.python.streams.wheel import Wheel

__all__ = ["Connection", "Journal", "main"]

_LIMIT_S = 1800.0
# Recognition takes a moment, and not for all streams the same one.
_RECOGNITION_S = (0.05, 0.25)
_DIGITS = re.compile(rb"(\d+)\s*$")


@dataclass
class Journal:
    """What one stream's connections brought.

    Attributes:
        connections: How many there were.
        arrived_ns: When each binary message was complete, on the machine's monotonic clock.
        received: Bytes of audio on this connection up to and including it.
        sent: Messages sent, by kind.
        texts: Messages received, by type.
        spoken_bytes: Audio sent.
    """

    connections: int = 0
    arrived_ns: array[int] = field(default_factory=lambda: array("q"))
    received: array[int] = field(default_factory=lambda: array("q"))
    sent: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    spoken_bytes: int = 0


@dataclass
class Service:
    """What the connections share."""

    wheel: Wheel
    is_quiet: bool = False
    journals: dict[int, Journal] = field(default_factory=dict)

    def journal(self, stream: int) -> Journal:
        """Of this stream."""
        return self.journals.setdefault(stream, Journal())

    def report(self) -> bytes:
        """A line of JSON, then both arrays of each stream in the line's order."""
        items = sorted(self.journals.items())
        head = [
            {
                "stream": stream,
                "connections": journal.connections,
                "messages": len(journal.received),
                "sent": journal.sent,
                "texts": journal.texts,
                "spoken_bytes": journal.spoken_bytes,
            }
            for stream, journal in items
        ]
        arrays = b"".join(j.arrived_ns.tobytes() + j.received.tobytes() for _, j in items)
        return json.dumps(head).encode() + b"\n" + arrays


class Connection(asyncio.Protocol):
    """One client: a handshake, then frames."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rest = b""
        self._open = False
        self._script: traffic.Script | None = None
        self._speaking: Speaking | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is due."""
        self._open = False
        self._script = None
        if self._speaking is not None:
            self._speaking.stop()

    def data_received(self, data: bytes) -> None:
        """Take whatever came."""
        now_ns = time.monotonic_ns()
        data = self._rest + data if self._rest else data
        if not self._open:
            self._rest = data
            self._handshake()
            return
        done = 0
        for opcode, mask, done in frames(data):
            if opcode == BINARY:
                self._on_audio(done - mask - 4, now_ns)
            else:
                self._on_other(opcode, unmasked(data, mask, done))
        self._rest = data[done:]

    def _handshake(self) -> None:
        head, separator, rest = self._rest.partition(b"\r\n\r\n")
        if not separator:
            return
        self._rest = b""
        target = head.split(b" ", 2)[1].decode()
        headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        if b"upgrade" not in headers.get(b"connection", b""):
            self._answer(target)
            return
        key = re.search(rb"(?i)\r\nsec-websocket-key: *([^\r]+)", head)
        assert key is not None
        accepted = accept_key(key[1].strip())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"dg-request-id: 5f0a7c1e-3b5d-4a77-9f0e-2f6f1f0c9d11\r\n"
            b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
        )
        found = _DIGITS.search(headers.get(b"authorization", b""))
        self._start(target, int(found[1]) if found else -1)
        if rest:
            self.data_received(rest)

    def _answer(self, target: str) -> None:
        if target == "/forget":
            self._service.journals.clear()
        elif target == "/quiet":
            self._service.is_quiet = True
        body = self._service.report() if target == "/report" else b""
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start(self, target: str, stream: int) -> None:
        """Begin the conversation the path asks for."""
        self._open = True
        journal = self._journal = self._service.journal(stream)
        journal.connections += 1
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self._second_bytes = 2 * int(query.get("sample_rate", 16_000)) * int(query.get("channels", 1))
        self._variant = stream % traffic.VARIANTS
        self._next, self._taken = 0, 0
        self._delay_s = _RECOGNITION_S[0] + (_RECOGNITION_S[1] - _RECOGNITION_S[0]) * (stream * 0.618 % 1)
        if url.path == "/v1/speak":
            self._speaking = Speaking(self._service.wheel, self.transport.write, journal)
            self.transport.write(self._speaking.metadata())
            return
        self._script = traffic.flux if url.path == "/v2/listen" else traffic.nova
        if url.path == "/v2/listen":
            self.transport.write(traffic.connected())
        self._await_next()

    def _on_audio(self, size: int, now_ns: int) -> None:
        self._taken += size
        journal = self._journal
        journal.arrived_ns.append(now_ns)
        journal.received.append(self._taken)
        while self._taken >= self._due_bytes:
            self._service.wheel.later(self._delay_s, self._send, self._message)
            self._await_next()

    def _await_next(self) -> None:
        assert self._script is not None
        self._message = self._script(self._variant, self._next)
        self._due_bytes = int(self._message.due_s * self._second_bytes)
        self._next += 1

    def _send(self, message: traffic.Message) -> None:
        if self._script is None or self._service.is_quiet:
            return
        self._journal.sent[message.kind] += 1
        self.transport.write(message.frame(time.monotonic_ns() // 1000))

    def _on_other(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._on_text(payload)
        elif opcode == PING:
            self.transport.write(encode(PONG, payload))
        elif opcode == CLOSE:
            self._close(payload[:2])

    def _on_text(self, payload: bytes) -> None:
        content = json.loads(payload)
        kind = content.get("type", "")
        self._journal.texts[kind] += 1
        if self._speaking is not None:
            self._speaking.receive(kind, content)
        if kind in ("CloseStream", "Close"):
            self._close(struct.pack("!H", 1000))

    def _close(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(encode(CLOSE, status))
            self.transport.close()


def raise_descriptor_limit() -> None:
    """A thousand sockets are more than the usual limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(certificate: Path | None) -> None:
    """Serve until standard input ends, or for half an hour."""
    loop = asyncio.get_running_loop()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    wheel = Wheel(0.005)
    service = Service(wheel)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, ssl=context, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    turning = asyncio.create_task(wheel.turn())
    try:
        await asyncio.wait_for(asyncio.to_thread(sys.stdin.read), _LIMIT_S)
    finally:
        turning.cancel()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificate", type=Path, help="PEM with key and certificate: serve wss")
    parser.add_argument("--core", type=int, help="stay on this core")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    raise_descriptor_limit()
    run(serve(arguments.certificate), uvloop=uvloop_installed())


if __name__ == "__main__":
    main()
