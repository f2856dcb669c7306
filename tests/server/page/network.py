"""A network between a page and its servers that can be cut, and led to another server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

__all__ = ["Network", "network"]


class Network:
    """Passes TCP connections on.

    Attributes:
        url: Where the page finds it.
        is_down: Whether new connections are refused.
        target: Where new connections go.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.is_down = False
        self.target = target
        self._open: set[asyncio.StreamWriter] = set()

    def lead_to(self, target: str) -> None:
        """Connections from now on go to another server."""
        self.target = target

    def cut(self) -> None:
        """Break every connection at once, without a goodbye."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self.is_down:
                return
            target = urlsplit(self.target)
            back, there = await asyncio.open_connection(target.hostname, target.port)
            self._open.add(there)
            await asyncio.gather(_pass_on(reader, there), _pass_on(back, writer))
        except OSError:
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    self._open.discard(each)
                    each.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def network(target: str) -> AsyncIterator[Network]:
    """A network to one server."""
    between = Network(target)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(between.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    between.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield between
    finally:
        server.close()
        between.cut()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
