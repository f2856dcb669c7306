"""Serves calls, the page and the operator's paths. aiohttp serves HTTP; aiohttp or picows serves calls."""

from __future__ import annotations

import asyncio
import importlib
import socket
from typing import Any, Final, Self

from aiohttp import web

from speechwire.errors import InvalidArgument
from speechwire.server._aiohttp_socket import AiohttpSocket, websocket
from speechwire.server._http import HandedOver, HttpServer
from speechwire.server._line import Line
from speechwire.server._rests import Rests
from speechwire.server._routes import Routes
from speechwire.server._sockets import (
    CLOSE_S,
    UNAUTHORIZED,
    BeatingSocket,
    CallSocket,
    HandedOverCalls,
    opening_of,
)
from speechwire.server.dialects import choose
from speechwire.server.entrance import Entrance, NotLetIn
from speechwire.server.server import Refusal, Server

__all__ = ["AiohttpHost"]

# The event loop needs this long to report connections accepted just before the listening socket was closed.
_ACCEPTED_S: Final = 0.5


class AiohttpHost:
    """One listening socket of a server.

    Args:
        server: What the calls share.
        sock: A listening socket, used instead of the settings' host and port.
        reuse_port: Whether other processes may listen on the same port.

    Raises:
        InvalidArgument: The settings ask for picows, which is not installed.
    """

    def __init__(
        self, server: Server, *, sock: socket.socket | None = None, reuse_port: bool = False
    ) -> None:
        self._server = server
        self._entrance = Entrance(server.config)
        self._routes = Routes(server, self._entrance)
        self._sock = sock
        self._reuse_port = reuse_port
        self._picows = _picows_socket(server.config.sockets)
        self._handed_over = HandedOverCalls()
        self._rests = Rests()
        self._http: HttpServer | None = None
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
        """Start to listen.

        Raises:
            OSError: The address is in use, or is not one of this machine.
        """
        config = self._server.config
        self._http = HttpServer(self._handle, handshake_s=config.handshake_s, most_pending=config.pending)
        self._runner = web.ServerRunner(self._http, shutdown_timeout=CLOSE_S)
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

    async def retire(self) -> None:
        """Stop listening without refusing a caller, so that another process can take new callers.

        Connections that were accepted and have not sent a request yet are still served. Returns when none is
        left, after ``handshake_s`` at most; idle keep-alive connections are then closed. Calls go on.
        """
        await self.stop_listening()
        await asyncio.sleep(_ACCEPTED_S)
        if self._http is not None:
            await self._http.settled()
            self._http.pre_shutdown()

    async def aclose(self) -> None:
        """Tell every caller, end its call, and stop listening. Idempotent."""
        await self._server.aclose()
        await self._handed_over.aclose()
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
        protocols = [name for name in (subprotocol, admitted.subprotocol) if name][:1]
        try:
            opened = await self._open(request, protocols)
            line = self._server.open(
                make(opening_of(request.path, request.query, request.headers, subprotocol)), place
            )
        except BaseException:
            place.release()
            raise
        if isinstance(opened, AiohttpSocket):
            await self._serve(opened, line)
            return opened.response
        self._handed_over.begin(opened, self._serve(opened, line))
        raise HandedOver

    async def _open(self, request: web.BaseRequest, protocols: list[str]) -> AiohttpSocket | BeatingSocket:
        if self._picows is not None:
            opened: BeatingSocket = self._picows.open(
                request, protocols, self._server.config.message_bytes, self._rests
            )
            return opened
        return await AiohttpSocket.open(request, protocols, self._server.config.message_bytes)

    async def _serve(self, opened: CallSocket, line: Line) -> None:
        try:
            await opened.serve(line, self._server.config.slow_reader_s)
        finally:
            self._server.closed(line)

    async def _refuse(self, request: web.BaseRequest, refused: NotLetIn) -> web.StreamResponse:
        """Refuse a caller. With an invalid token it gets a close code, as browsers see no HTTP status."""
        if refused.status != 401 or not refused.by_subprotocol:
            headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
            return web.json_response(
                {"error": refused.reason, "description": str(refused)},
                status=refused.status,
                headers=headers,
            )
        ws = websocket([refused.by_subprotocol], self._server.config.message_bytes)
        await ws.prepare(request)
        await ws.close(code=UNAUTHORIZED, message=str(refused).encode()[:120])
        return ws


def _picows_socket(wanted: str) -> Any:
    """Return the picows socket class, or ``None`` to use aiohttp's."""
    if wanted == "aiohttp":
        return None
    try:
        return importlib.import_module("speechwire.server._picows_socket").PicowsSocket
    except ImportError:
        if wanted == "picows":
            raise InvalidArgument(
                "sockets", wanted, 'auto or aiohttp, or pip install "speechwire[fast]"'
            ) from None
        return None
