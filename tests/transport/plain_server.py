"""A plain server on loopback, and connections to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from speechwire.transport import (
    AiohttpTransport,
    CloseEvent,
    ConnectRequest,
    WebSocket,
    new_transport,
)
from speechwire.transport.picows_ws import PicowsTransport

KEY = "0123456789abcdef-very-secret"
TRANSPORTS: dict[str, Any] = {"aiohttp": AiohttpTransport, "picows": PicowsTransport}
Handler = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/v1/listen", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/listen?model=private-customer-term"
    finally:
        await runner.cleanup()


def websocket(serve: Handler, **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        response.headers.update(headers)
        await response.prepare(request)
        await serve(response, request)
        return response

    return handler


def request(url: str, **more: float) -> ConnectRequest:
    return ConnectRequest(url, {"Authorization": f"Token {KEY}"}, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def connected(serve: Handler, **headers: str) -> AsyncIterator[WebSocket]:
    transport = new_transport()
    async with serving(websocket(serve, **headers)) as url:
        connection = await transport.connect(request(url))
        try:
            yield connection
        finally:
            await connection.aclose()
            await transport.aclose()


async def ending(connection: WebSocket) -> CloseEvent:
    """What comes next, which is how the connection ended."""
    ended = await connection.receive()
    assert isinstance(ended, CloseEvent)
    return ended


async def echo(response: web.WebSocketResponse, request: web.Request) -> None:
    async for message in response:
        if message.type is aiohttp.WSMsgType.TEXT:
            await response.send_str(message.data)
        else:
            await response.send_bytes(message.data)
