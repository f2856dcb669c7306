"""Hostile callers of a server that was started by its command, on the event loop that it uses."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from tests.server.hostility import frame, upgrade
from tests.server.test_drain import Process, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")

REFUSED = [
    frame(1, b"x", length=1 << 17),
    frame(1, b"text that is no UTF-8: \xff\xfe"),
    frame(8, b"\x03"),  # a code of one byte
    frame(8, b"\x03\xe8\xff"),  # a reason that is no UTF-8
    frame(3, b""),  # no opcode
    frame(0, b""),  # a fragment of no message
]


async def send_on(process: Process, refused: bytes) -> None:
    """Send a frame that is refused, and more until the server closes."""
    host, port = process.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(upgrade() + refused)
    await reader.readuntil(b"\r\n\r\n")
    try:
        async with asyncio.timeout(30):
            while await reader.read(1):
                writer.write(frame(2, b"x" * 320))
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def test_what_follows_a_refused_frame_does_not_end_the_server(tmp_path: Path) -> None:
    async with served(tmp_path) as process:
        await asyncio.gather(*(send_on(process, refused) for refused in REFUSED for _ in range(5)))
        assert await process.status("/readyz") == 200
        assert process.process.returncode is None
