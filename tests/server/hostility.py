"""Bounds of a server among hostile callers, and the bytes that such a caller sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.server.content import ContentEngine
from tests.server.serving import Serving, serving
from tests.server.test_faults import one_is_understood

BOUNDS: dict[str, Any] = {
    "handshake_s": 1.0,
    "pending": 64,
    "idle_s": 5.0,
    "start_s": 2.0,
    "slow_reader_s": 2.0,
}


@asynccontextmanager
async def beside() -> AsyncIterator[Serving]:
    """A server; at the end of the block a caller beside must be understood as ever."""
    async with serving(engine=ContentEngine(), **BOUNDS) as where:
        yield where
        await one_is_understood(where)
        assert where.server.admission.taken == 0


async def raw(where: Serving, request: bytes) -> bytes:
    """What comes back, until the server closes."""
    host, port = where.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def upgrade(path: str = "/call", *more: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, *, final: bool = True, length: int | None = None) -> bytes:
    """A client's frame; with a length that is not the payload's, if given."""
    size = len(payload) if length is None else length
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload
