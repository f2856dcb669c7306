"""The worker's side: the inherited socket, and the supervisor that asks."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from speechwire.server.metrics import exposition
from speechwire.server.server import Server
from speechwire.server.workers._messages import ASK, FD_VARIABLE, RETIRE, Ready, Report, line

__all__ = ["inherited_socket", "supervised"]


def inherited_socket() -> socket.socket | None:
    """The listening socket from the supervisor; ``None`` without one, and from the second call on."""
    number = os.environ.pop(FD_VARIABLE, None)
    return None if number is None else socket.socket(fileno=int(number))


@asynccontextmanager
async def supervised(server: Server, url: str, retired: Callable[[], None]) -> AsyncIterator[None]:
    """Tell the supervisor that calls are taken, answer it meanwhile, and send a last report at the end.

    Args:
        server: The server to report on.
        url: The URL at which it takes calls.
        retired: Called when another worker replaces this one, or the supervisor is gone.
    """
    _say(Ready(url))
    answering = asyncio.create_task(_answer(server, retired), name="answers the supervisor")
    try:
        yield
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        with suppress(OSError):  # the supervisor may be gone
            _say(_report(server))


async def _answer(server: Server, retired: Callable[[], None]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while asked := await reader.readline():
            if asked == ASK:
                _say(_report(server))
            elif asked == RETIRE:
                retired()
    except OSError:
        pass  # the supervisor no longer reads the answer
    finally:
        transport.close()
    retired()


def _report(server: Server) -> Report:
    metrics, _ = exposition(server)
    return Report(phase=server.phase.value, calls=len(server.lines), metrics=metrics.decode())


def _say(message: Ready | Report) -> None:
    """Write a message. Blocks only briefly: a pipe holds 64 KiB, and the supervisor reads its answers."""
    sys.stdout.buffer.write(line(message))
    sys.stdout.buffer.flush()
