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
"""What came in time is read within this, where the event loop stood still until the deadline had passed."""

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
"""On every answer."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HandedOver(ConnectionError):
    """Raised by a handler that has taken the connection: as far as aiohttp is concerned, it is gone."""


def hand_over(request: web.BaseRequest) -> tuple[asyncio.Transport, bytes]:
    """Take the connection of an upgrade from aiohttp; the handler then raises :class:`HandedOver`.

    Returns:
        The connection, whose protocol is to be set, and what came after the request.

    Raises:
        ConnectionError: The caller is gone.
    """
    protocol = request.protocol
    assert isinstance(protocol, _Protocol)
    return protocol.let_go()


class HttpServer(web.Server):
    """Serves a handler.

    Args:
        handler: Answers requests.
        handshake_s: From the connection to the end of the first request's headers.
        most_pending: Connections that may be without a call at once; more are closed as they come.
    """

    def __init__(self, handler: Handler, *, handshake_s: float, most_pending: int) -> None:
        self.handshake_s = handshake_s
        self.most_pending = most_pending
        self.pending = 0
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
        """Count it, and give it a deadline."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")
        if self._http.pending >= self._http.most_pending:
            transport.abort()
            return
        self._http.pending += 1
        self._is_pending = True
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._http.handshake_s, self._pass_deadline, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        self.request_came()
        super().connection_lost(exc)

    def let_go(self) -> tuple[asyncio.Transport, bytes]:
        """Be without the connection. See :func:`hand_over`."""
        transport, rest = self.transport, self._message_tail
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller is gone")
        self.transport = None  # or it would be closed
        self.connection_lost(None)
        return transport, rest

    def request_came(self) -> None:
        """It has sent a request, and pends no more."""
        if self._is_pending:
            self._is_pending = False
            self._http.pending -= 1
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _pass_deadline(self, abort: Callable[[], object]) -> None:
        """Timers come before what is there to be read: many callers at once would be dropped unheard."""
        self._deadline = asyncio.get_running_loop().call_later(_UNREAD_S, abort)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a failure of the server's own, not a client that breaks off or breaks the rules."""
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
        """Answer a request that could not be read, or whose handler failed; without its content."""
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
