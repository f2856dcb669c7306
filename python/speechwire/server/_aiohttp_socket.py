"""A call's WebSocket on aiohttp."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final, Self

from aiohttp import WSMsgType, web

from speechwire.server._line import Line
from speechwire.server._sockets import CLOSE_S, WRITER_BYTES, goodbye_of, is_deaf

__all__ = ["AiohttpSocket", "websocket"]

_HEARTBEAT_S: Final = 20.0

_logger = logging.getLogger("speechwire.server")


def websocket(protocols: list[str], message_bytes: int) -> web.WebSocketResponse:
    """The answer to an upgrade; its bounds are the server's own."""
    return web.WebSocketResponse(
        protocols=protocols,
        compress=False,
        heartbeat=_HEARTBEAT_S,
        max_msg_size=message_bytes,
        timeout=CLOSE_S,
        writer_limit=WRITER_BYTES,
    )


class AiohttpSocket:
    """One connection, as long as its request is being answered.

    Args:
        response: The upgrade, prepared.
        transport: Of the request.
    """

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.response = response
        self._transport = transport

    @classmethod
    async def open(cls, request: web.BaseRequest, protocols: list[str], message_bytes: int) -> Self:
        """Answer the upgrade.

        Raises:
            HTTPBadRequest: It is none.
            ConnectionError: The caller is gone.
        """
        response = websocket(protocols, message_bytes)
        await response.prepare(request)
        return cls(response, request.transport)

    async def serve(self, line: Line, timeout_s: float) -> None:
        """Move messages until the call is over and the connection closed. See :class:`CallSocket`."""
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
            await self._close(line, is_stuck=is_stuck)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, line: Line) -> None:
        """Give messages to the line until the connection ends."""
        receive, take = self.response.receive, line.receive
        while True:
            message = await receive()
            kind = message.type
            if kind is WSMsgType.BINARY or kind is WSMsgType.TEXT:
                delay_s = take(message.data)
                if delay_s:
                    await asyncio.sleep(delay_s)
            elif kind in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return

    async def _write(self, line: Line) -> None:
        """Send what the line puts into its outbox until it closes it."""
        take, response = line.outbox.take, self.response
        with suppress(ConnectionError, RuntimeError):
            while (messages := await take()) is not None:
                for message in messages:
                    if isinstance(message, str):
                        await response.send_str(message)
                    else:
                        await response.send_bytes(message)

    async def _close(self, line: Line, *, is_stuck: bool) -> None:
        """Close with the reason; a caller that does not read or does not answer is dropped."""
        code, reason = goodbye_of(line)
        if not is_stuck:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(2 * CLOSE_S):  # aiohttp waits for the answer half as long
                    await self.response.close(code=code, message=reason)
                    return
        if self._transport is not None:
            self._transport.abort()
