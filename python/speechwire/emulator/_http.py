"""HTTP around the WebSockets: every answer other than an upgrade has the form of the service's refusals."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from speechwire.emulator._refusal import Refusal

__all__ = ["HttpServer", "check_upgrade", "refuse"]

# A hundred key terms of a hundred characters, percent-encoded, make a long request line.
_MAX_LINE = 64 * 1024
# What a client reads of one header is limited too: 8 KiB by default in most.
_MAX_HEADER_CHARACTERS = 512
_MAX_DETAIL_CHARACTERS = 200
# How long the unread part of a body is read and discarded.
_LINGER_S = 2.0
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""Answers a request, whose id for ``dg-request-id`` is the second argument."""


class HttpServer(web.Server):
    """Serves a handler; answers refusals and invalid HTTP in the service's form."""

    def __init__(self, handler: Handler, new_request_id: Callable[[], str]) -> None:
        self._handler = handler
        self._new_request_id = new_request_id
        super().__init__(self._answer)

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of one TCP connection."""
        loop = asyncio.get_running_loop()
        # A grant's few bytes are not compressed. Without decompression there is no decompression bomb.
        return _Protocol(
            self,
            loop=loop,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            lingering_time=_LINGER_S,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = self._new_request_id()
        try:
            return await self._handler(request, request_id)
        except Refusal as refusal:
            return refuse(refusal, request_id)
        except web.HTTPException as error:  # of aiohttp: a body that is too large
            return refuse(Refusal(error.status, "Bad Request", error.reason), request_id)

    def refusal_of(self, status: int, error: BaseException | None) -> web.Response:
        """The answer to a request that could not be read, or whose handler failed."""
        if isinstance(error, HttpProcessingError):
            detail = error.message.partition("\n")[0].rstrip(":")[:_MAX_DETAIL_CHARACTERS]
            refusal = Refusal(400, "Bad Request", f"The request could not be read: {detail}")
        else:
            refusal = Refusal(status, "INTERNAL_SERVER_ERROR", "The emulator failed; its log says how.")
        response = refuse(refusal, self._new_request_id())
        response.force_close()
        return response


class _Protocol(web.RequestHandler):
    def __init__(self, server: HttpServer, **arguments: Any) -> None:
        super().__init__(server, **arguments)
        self._refusal_of = server.refusal_of

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a failure of the emulator's own, not a client that breaks off or breaks the rules."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError | HttpProcessingError):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be read, or whose handler failed."""
        if isinstance(exc, ConnectionError):  # the client has left while it was being answered
            raise exc
        self.log_exception("Error handling request", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another response has been sent already")
        return self._refusal_of(status, exc)


def check_upgrade(request: web.BaseRequest) -> None:
    """Check what makes a request a WebSocket handshake.

    Raises:
        Refusal: 400, naming what is missing.
    """
    headers = request.headers
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        raise _no_upgrade("")
    if "upgrade" not in {token.strip().lower() for token in headers.get("Connection", "").split(",")}:
        raise _no_upgrade(" `Connection` must be `Upgrade`.")
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        raise _no_upgrade(" `Sec-WebSocket-Version` must be 13.")
    if not _KEY.fullmatch(headers.get("Sec-WebSocket-Key", "").strip()):
        raise _no_upgrade(" `Sec-WebSocket-Key` must be 16 bytes in base64.")


def refuse(refusal: Refusal, request_id: str) -> web.Response:
    """The response that carries a refusal: its text is in the header and in the body."""
    headers = {"dg-request-id": request_id, "dg-error": _header(refusal.text), **refusal.headers}
    return web.json_response(refusal.body(request_id), status=refusal.status, headers=headers)


def _no_upgrade(detail: str) -> Refusal:
    return Refusal(400, "Bad Request", f"This endpoint is served over WebSocket only.{detail}")


def _header(text: str) -> str:
    """Make a text fit for a header, which allows only printable ASCII; it may come from a query."""
    if len(text) > _MAX_HEADER_CHARACTERS:
        text = text[:_MAX_HEADER_CHARACTERS] + "..."
    return "".join(sign if " " <= sign <= "~" else ascii(sign)[1:-1] for sign in text)
