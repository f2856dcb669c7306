"""A peer that answers with any bytes: what a service, or something in its place, may send."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["GREETING", "PATIENCE_S", "RawPeer", "Serve", "acceptance", "frame", "raw_peer"]

PATIENCE_S = 30.0  # of a test with what must not hang

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class RawPeer:
    """The peer's end of one TCP connection.

    Attributes:
        request: The head of the request, once `read_request` has returned.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: bytes = field(default=b"", repr=False)

    async def read_request(self) -> bytes:
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        return self.request

    async def upgrade(self, *headers: str) -> None:
        """Read the request and accept it."""
        await self.send(acceptance(await self.read_request(), *headers))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def stay(self) -> None:
        """Read, and say nothing, until the client goes."""
        while await self.reader.read(1 << 16):
            pass


Serve = Callable[[RawPeer], Awaitable[None]]


@dataclass
class Listening:
    """Where a raw peer listens, and who came."""

    url: str
    port: int
    peers: list[RawPeer] = field(default_factory=list)


@asynccontextmanager
async def raw_peer(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Listening]:
    """Serve every TCP connection by `serve`, and end it with FIN when that returns."""
    tasks: set[asyncio.Task[Any]] = set()
    listening: Listening

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = RawPeer(reader, writer)
        listening.peers.append(peer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(peer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    listening = Listening(f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/listen?model=x", port)
    try:
        yield listening
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def acceptance(request: bytes, *headers: str) -> bytes:
    """The answer that accepts an upgrade."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    accept = base64.b64encode(hashlib.sha1(found[1] + _GUID).digest()).decode()
    lines = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *headers)
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


GREETING = frame(1, b"hello")
