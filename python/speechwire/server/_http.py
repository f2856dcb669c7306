"""HTTP below the WebSockets: deadlines and bounds for connections that are not calls yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

__all__ = ["SECURITY_HEADERS", "HandedOver", "HttpServer", "hand_over"]

_MAX_LINE: Final = 8 * 1024
_KEEPALIVE_S: Final = 15.0
_LINGER_S: Final = 1.0
_UNREAD_S: Final = 0.2
"""How long a connection stays open after its deadline, in seconds, to read a request that came in time.

After a delay of the event loop, such a request may still wait in the socket."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self';"
        " font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HandedOver(ConnectionError):
    """Raised by a handler that has taken the connection, so that aiohttp treats the connection as closed."""


def hand_over(request: web.BaseRequest) -> tuple[asyncio.Transport, bytes]:
    """Take the connection of an upgrade from aiohttp; the handler then raises :class:`HandedOver`.

    Returns:
        The transport, whose protocol the caller must set, and the bytes that came after the request.

    Raises:
        ConnectionError: The caller is gone.
    """
    protocol = request.protocol
    assert isinstance(protocol, _Protocol)
    return protocol.let_go()


class HttpServer(web.Server):
    """An HTTP server that limits connections which have not sent a request yet.

    Args:
        handler: Answers requests.
        handshake_s: The time from the connection to the end of the first request's headers, in seconds.
        most_pending: How many connections may wait for their first request; further ones are closed at once.
    """

    def __init__(self, handler: Handler, *, handshake_s: float, most_pending: int) -> None:
        self.handshake_s = handshake_s
        self.most_pending = most_pending
        self.pending = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._handler = handler
        super().__init__(self._answer)

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of one TCP connection."""
        return _Protocol(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGER_S,
        )

    def count(self, pending: int) -> None:
        """Add `pending`, which may be negative, to the number of connections without a request."""
        self.pending += pending
        if self.pending:
            self._settled.clear()
        else:
            self._settled.set()

    async def settled(self) -> None:
        """Wait until every connection has sent a request."""
        await self._settled.wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = request.protocol
        assert isinstance(protocol, _Protocol)
        protocol.request_came()
        try:
            return await self._handler(request)
        except web.HTTPException as error:
            return web.json_response({"error": error.reason}, status=error.status, headers=SECURITY_HEADERS)


class _Protocol(web.RequestHandler):
    def __init__(self, server: HttpServer, **arguments: Any) -> None:
        super().__init__(server, **arguments)
        self._http = server
        self._is_pending = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and start its deadline."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")
        if self._http.pending >= self._http.most_pending:
            transport.abort()
            return
        self._http.count(+1)
        self._is_pending = True
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._http.handshake_s, self._pass_deadline, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        self.request_came()
        super().connection_lost(exc)

    def let_go(self) -> tuple[asyncio.Transport, bytes]:
        """Give up the connection without closing it. See :func:`hand_over`."""
        transport, rest = self.transport, self._message_tail
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller is gone")
        self.transport = None  # connection_lost would close it
        self.connection_lost(None)
        return transport, rest

    def request_came(self) -> None:
        """The connection has sent a request, or is closed: stop its deadline."""
        if self._is_pending:
            self._is_pending = False
            self._http.count(-1)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _pass_deadline(self, abort: Callable[[], object]) -> None:
        """Close the connection after one more wait.

        The event loop runs timers before it reads sockets. After a delay of the loop, the requests of many
        callers could be waiting unread.
        """
        self._deadline = asyncio.get_running_loop().call_later(_UNREAD_S, abort)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log failures of the server; do not log clients that disconnect or send invalid HTTP."""
        if not isinstance(
            kw.get("exc_info"), web.RequestPayloadError | HttpProcessingError | ConnectionError
        ):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be read or whose handler failed, without quoting it."""
        if isinstance(exc, ConnectionError):
            raise exc
        self.log_exception("a request could not be answered", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another response has been sent already")
        if isinstance(exc, HttpProcessingError):
            status = 400
        words = "the request could not be read" if status == 400 else "the server failed"
        response = web.json_response({"error": words}, status=status, headers=SECURITY_HEADERS)
        response.force_close()
        return response
