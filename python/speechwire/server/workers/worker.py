"""The worker's side: the inherited socket, and the supervisor that asks."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from speechwire.server.metrics import exposition
from speechwire.server.server import Server
from speechwire.server.workers._messages import ASK, FD_VARIABLE, Ready, Report, line

__all__ = ["inherited_socket", "serve_supervisor"]


def inherited_socket() -> socket.socket | None:
    """The listening socket that a supervisor gave this process; ``None`` without one. Once."""
    number = os.environ.pop(FD_VARIABLE, None)
    return None if number is None else socket.socket(fileno=int(number))


async def serve_supervisor(server: Server, url: str) -> None:
    """Say that calls are taken, then answer the supervisor; returns when it is gone."""
    _say(Ready(url))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while (asked := await reader.readline()) == ASK:
            _say(_report(server))
        assert not asked, f"a supervisor asks for nothing but {ASK!r}"
    finally:
        transport.close()


def _report(server: Server) -> Report:
    metrics, _ = exposition(server)
    return Report(phase=server.phase.value, calls=len(server.lines), metrics=metrics.decode())


def _say(message: Ready | Report) -> None:
    """A pipe holds 64 KiB and the supervisor reads what it asked for, so this does not block for long."""
    sys.stdout.buffer.write(line(message))
    sys.stdout.buffer.flush()
