"""Serves calls, the page and the operator's paths with aiohttp."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Final, Self

from aiohttp import WSCloseCode, WSMsgType, web

from speechwire.server._http import HttpServer
from speechwire.server._line import Line
from speechwire.server._routes import Routes
from speechwire.server.codec import Opening
from speechwire.server.dialects import choose
from speechwire.server.entrance import Entrance, NotLetIn
from speechwire.server.server import Refusal, Server

__all__ = ["AiohttpHost"]

_HEARTBEAT_S: Final = 20.0
_CLOSE_S: Final = 5.0
_WRITER_BYTES: Final = 64 * 1024
_UNAUTHORIZED: Final = 4401
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "sec-websocket-protocol", "sec-websocket-key"})

_logger = logging.getLogger("speechwire.server")


class AiohttpHost:
    """One listening socket of a server.

    Args:
        server: What the calls share.
        sock: A listening socket, in place of the settings' host and port.
        reuse_port: Let other processes listen on the same port.
    """

    def __init__(
        self, server: Server, *, sock: socket.socket | None = None, reuse_port: bool = False
    ) -> None:
        self._server = server
        self._entrance = Entrance(server.config)
        self._routes = Routes(server, self._entrance)
        self._sock = sock
        self._reuse_port = reuse_port
        self._runner: web.ServerRunner | None = None
        self._site: web.BaseSite | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """``http://host:port`` of the socket."""
        assert self._runner is not None and self._runner.addresses
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address is taken or not ours.
        """
        config = self._server.config
        http = HttpServer(self._handle, handshake_s=config.handshake_s, most_pending=config.pending)
        self._runner = web.ServerRunner(http, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        site: web.BaseSite
        if self._sock is not None:
            site = web.SockSite(self._runner, self._sock, backlog=1024)
        else:
            site = web.TCPSite(
                self._runner, config.host, config.port, backlog=1024, reuse_port=self._reuse_port or None
            )
        await site.start()
        self._site = site

    async def stop_listening(self) -> None:
        """Accept no more connections; those that are open go on. Idempotent."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()

    async def aclose(self) -> None:
        """End every call, tell the callers, and stop listening. Idempotent."""
        await self._server.aclose()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").strip().lower() != "websocket":
            return await self._routes.handle(request)
        offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        chosen = choose(request.path, offered)
        if chosen is None:
            return self._routes.not_found()
        make, subprotocol = chosen
        try:
            admitted = self._entrance.admit(request, offered)
            place = self._server.claim()
        except NotLetIn as refused:
            self._server.counters.refused[refused.reason] += 1
            return await self._refuse(request, refused)
        except Refusal as refusal:
            headers = {"Retry-After": str(max(1, round(refusal.retry_after_s)))}
            return web.json_response(
                {"error": refusal.reason, "description": str(refusal)}, status=503, headers=headers
            )
        try:
            protocols = [name for name in (admitted.subprotocol, subprotocol) if name]
            ws = self._websocket(protocols[:1])
            await ws.prepare(request)
            codec = make(_opening(request, subprotocol))
            line = self._server.open(codec, place)
        except BaseException:
            place.release()
            raise
        await self._serve(ws, line, request.transport)
        return ws

    def _websocket(self, protocols: list[str]) -> web.WebSocketResponse:
        return web.WebSocketResponse(
            protocols=protocols,
            compress=False,
            heartbeat=_HEARTBEAT_S,
            max_msg_size=self._server.config.message_bytes,
            timeout=_CLOSE_S,
            writer_limit=_WRITER_BYTES,
        )

    async def _refuse(self, request: web.BaseRequest, refused: NotLetIn) -> web.StreamResponse:
        """A browser cannot read the status of a failed upgrade, but it can read a close code."""
        if refused.status != 401 or not refused.by_subprotocol:
            headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
            return web.json_response(
                {"error": refused.reason, "description": str(refused)},
                status=refused.status,
                headers=headers,
            )
        ws = self._websocket([refused.by_subprotocol])
        await ws.prepare(request)
        await ws.close(code=_UNAUTHORIZED, message=str(refused).encode()[:120])
        return ws

    async def _serve(
        self, ws: web.WebSocketResponse, line: Line, transport: asyncio.Transport | None
    ) -> None:
        running = asyncio.create_task(line.run())
        writing = asyncio.create_task(_write(ws, line))
        reading = asyncio.create_task(_read(ws, line))
        try:
            await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and reading.done():
                if (fault := reading.exception()) is not None:
                    _logger.error("a message could not be taken", exc_info=fault)
                line.disconnected()
            ending = await running
            # What is left is sent; one who does not read it, or is gone, is not waited for.
            is_deaf = ending.code in ("slow_reader", "disconnected")
            await asyncio.wait({writing}, timeout=0.0 if is_deaf else self._server.config.slow_reader_s)
        finally:
            is_stuck = not writing.done()
            for task in (running, writing):
                if not task.done():
                    task.cancel()
            await asyncio.gather(running, writing, return_exceptions=True)
            await _close(ws, line, transport, is_stuck=is_stuck)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._server.closed(line)


async def _read(ws: web.WebSocketResponse, line: Line) -> None:
    """Give messages to the line until the connection ends."""
    receive, take = ws.receive, line.receive
    while True:
        message = await receive()
        kind = message.type
        if kind is WSMsgType.BINARY or kind is WSMsgType.TEXT:
            delay_s = take(message.data)
            if delay_s:
                await asyncio.sleep(delay_s)
        elif kind in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return


async def _write(ws: web.WebSocketResponse, line: Line) -> None:
    """Send what the line puts into its outbox until it closes it."""
    take = line.outbox.take
    with suppress(ConnectionError, RuntimeError):
        while (messages := await take()) is not None:
            for message in messages:
                if isinstance(message, str):
                    await ws.send_str(message)
                else:
                    await ws.send_bytes(message)


async def _close(
    ws: web.WebSocketResponse, line: Line, transport: asyncio.Transport | None, *, is_stuck: bool
) -> None:
    """Close with the reason; a caller that does not read or does not answer is dropped."""
    goodbye = line.end.goodbye if line.end is not None else None
    code = goodbye.code if goodbye else WSCloseCode.GOING_AWAY
    reason = goodbye.reason if goodbye else ""
    if not is_stuck:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2 * _CLOSE_S):  # aiohttp waits for the answer half as long
                await ws.close(code=code, message=reason.encode())
                return
    if transport is not None:
        transport.abort()


def _opening(request: web.BaseRequest, subprotocol: str | None) -> Opening:
    headers = {
        name.lower(): value for name, value in request.headers.items() if name.lower() not in _CREDENTIALS
    }
    return Opening(path=request.path, query=dict(request.query), headers=headers, subprotocol=subprotocol)
