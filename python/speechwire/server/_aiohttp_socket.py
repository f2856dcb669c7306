"""A call's WebSocket on aiohttp."""

from __future__ import annotations

import asyncio
from typing import Final, Self

from aiohttp import WSMsgType, web

from speechwire.server._line import Line
from speechwire.server._sockets import CLOSE_S, WRITER_BYTES
from speechwire.server._tasked_socket import TaskedSocket

__all__ = ["AiohttpSocket", "websocket"]

_HEARTBEAT_S: Final = 20.0


def websocket(protocols: list[str], message_bytes: int) -> web.WebSocketResponse:
    """Make the response to an upgrade, with the server's limits on messages and buffers."""
    return web.WebSocketResponse(
        protocols=protocols,
        compress=False,
        heartbeat=_HEARTBEAT_S,
        max_msg_size=message_bytes,
        timeout=CLOSE_S,
        writer_limit=WRITER_BYTES,
    )


class AiohttpSocket(TaskedSocket):
    """One connection. It lives as long as aiohttp's handler of its request runs.

    Args:
        response: The response to the upgrade, already prepared.
        transport: The request's transport.
    """

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.response = response
        self._transport = transport

    @classmethod
    async def open(cls, request: web.BaseRequest, protocols: list[str], message_bytes: int) -> Self:
        """Answer the upgrade.

        Raises:
            HTTPBadRequest: The request is not a WebSocket upgrade.
            ConnectionError: The caller is gone.
        """
        response = websocket(protocols, message_bytes)
        await response.prepare(request)
        return cls(response, request.transport)

    async def _read(self, line: Line) -> None:
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

    async def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self.response.send_str(message)
        else:
            await self.response.send_bytes(message)

    async def _close(self, code: int, reason: bytes) -> None:
        await self.response.close(code=code, message=reason)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
