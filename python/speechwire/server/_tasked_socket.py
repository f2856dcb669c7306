"""A call on a WebSocket with awaitable reads and writes: two tasks beside the call's own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from speechwire.server._line import Line
from speechwire.server._sockets import CLOSE_S, goodbye_of, is_deaf

__all__ = ["TaskedSocket"]

_logger = logging.getLogger("speechwire.server")


class TaskedSocket:
    """Serves a call; a subclass implements the WebSocket. See :class:`CallSocket`."""

    async def serve(self, line: Line, timeout_s: float) -> None:
        """Move messages until the call is over and the connection closed."""
        running = asyncio.create_task(line.run())
        writing = asyncio.create_task(self._write(line))
        reading = asyncio.create_task(self._read(line))
        try:
            await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and reading.done():
                if (fault := reading.exception()) is not None:
                    _logger.error("a message could not be taken", exc_info=fault)
                line.disconnected()
            ending = await running
            await asyncio.wait({writing}, timeout=0.0 if is_deaf(ending) else timeout_s)
        finally:
            is_stuck = not writing.done()
            for task in (running, writing):
                if not task.done():
                    task.cancel()
            await asyncio.gather(running, writing, return_exceptions=True)
            await self._end(line, is_stuck=is_stuck)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    # For subclasses

    async def _read(self, line: Line) -> None:
        """Pass messages to the line until the connection ends."""
        raise NotImplementedError

    async def _send(self, message: str | bytes) -> None:
        """Send a message, and wait until there is room for the next.

        Raises:
            OSError: The connection is gone.
        """
        raise NotImplementedError

    async def _close(self, code: int, reason: bytes) -> None:
        """Close, and wait for the answer."""
        raise NotImplementedError

    def _abort(self) -> None:
        """Drop the connection."""
        raise NotImplementedError

    # Common to all subclasses

    async def _write(self, line: Line) -> None:
        """Send the messages of the line's outbox until the outbox is closed."""
        take = line.outbox.take
        with suppress(OSError, RuntimeError):
            while (messages := await take()) is not None:
                for message in messages:
                    await self._send(message)

    async def _end(self, line: Line, *, is_stuck: bool) -> None:
        """Close with the reason; a caller that does not read or does not answer is dropped."""
        if not is_stuck:
            with suppress(TimeoutError, OSError, RuntimeError):
                async with asyncio.timeout(2 * CLOSE_S):  # aiohttp waits for the answer half as long
                    await self._close(*goodbye_of(line))
                    return
        self._abort()
