"""Connections through picows, an optional dependency: opening them.

picows masks, frames and writes in C within the call that sends, and delivers frames within the event loop's
read. It takes half the CPU time of aiohttp; a whole live stream takes up to a quarter less
(``make bench-streams``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl as ssl_module
from collections.abc import Awaitable, Callable
from typing import Final

import picows

from speechwire.errors import SpeechwireError
from speechwire.transport._client import (
    CUT_SHORT,
    USER_AGENT,
    attempted,
    failed,
    refused,
    shown,
    unreachable,
)
from speechwire.transport._dial import dial
from speechwire.transport._http import is_informational, parsed_answer
from speechwire.transport._hush import hushed
from speechwire.transport._picows_connection import PicowsConnection
from speechwire.transport._proxy import Proxy
from speechwire.transport._secret import Redactor
from speechwire.transport.base import ConnectRequest, WebSocket

__all__ = ["PicowsClient"]

_READ_BUFFER_BYTES: Final = 2048  # at first; it grows when a read fills it
_NO_SKIPPING: Final = "the aiohttp transport skips it, picows cannot"

# picows logs each connection that it opens and closes; sessions log what matters. It makes a logger for each,
# unless given an adapter.
_silent = logging.getLogger("speechwire.transport.picows")
_silent.setLevel(logging.CRITICAL)
_logger = logging.LoggerAdapter(_silent, {})

_OpenSocket = Callable[[picows.WSParsedURL], Awaitable[socket.socket]]


class PicowsClient:
    """Opens connections through picows, and keeps track of open ones."""

    def __init__(self) -> None:
        self._open: set[PicowsConnection] = set()

    async def connect(
        self, request: ConnectRequest, proxy: Proxy | None, tls: ssl_module.SSLContext | None
    ) -> WebSocket:
        """Open one connection."""
        redact = Redactor([*request.secrets, *(proxy.secrets if proxy else ())])
        return await attempted(
            request,
            lambda: self._connect(request, proxy, tls, redact),
            lambda error: _explained(request, error, redact),
        )

    async def aclose(self) -> None:
        """Close the connections that are still open."""
        await asyncio.gather(*(connection.aclose() for connection in tuple(self._open)))

    async def _connect(
        self,
        request: ConnectRequest,
        proxy: Proxy | None,
        tls: ssl_module.SSLContext | None,
        redact: Redactor,
    ) -> PicowsConnection:
        opened: list[socket.socket] = []

        async def open_socket(url: picows.WSParsedURL) -> socket.socket:
            opened.append(await dial(request, url.host, url.port, proxy))
            return opened[0]

        try:
            with hushed(request.url.startswith("wss:")):
                return await self._upgrade(request, open_socket, tls, redact)
        except BaseException:
            for each in opened:  # picows continues a handshake after its task was cancelled
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            raise

    async def _upgrade(
        self,
        request: ConnectRequest,
        open_socket: _OpenSocket,
        tls: ssl_module.SSLContext | None,
        redact: Redactor,
    ) -> PicowsConnection:
        idle_s = request.heartbeat_s
        headers = {"User-Agent": USER_AGENT, **request.revealed()}
        _, connection = await picows.ws_connect(
            lambda: PicowsConnection(self._open, request.max_message_bytes, redact),
            request.url,
            ssl_context=tls,
            websocket_handshake_timeout=None,  # `attempted` has the deadline
            logger_name=_logger,
            enable_auto_pong=False,  # see on_ws_frame
            enable_auto_ping=idle_s is not None,
            auto_ping_idle_timeout=idle_s or 0.0,
            auto_ping_reply_timeout=(idle_s or 0.0) / 2,
            max_frame_size=request.max_message_bytes,
            extra_headers=headers,
            max_redirects=0,
            socket_factory=open_socket,
            read_buffer_init_size=_READ_BUFFER_BYTES,
        )
        headers.clear()  # see PicowsConnection.on_ws_connected
        # picows reports an early end as success: then there is no connection.
        if not isinstance(connection, PicowsConnection):
            raise failed(request, CUT_SHORT)
        return connection


def _explained(request: ConnectRequest, error: Exception, redact: Redactor) -> SpeechwireError:
    """Return the speechwire exception for an exception of picows."""
    if isinstance(error, picows.WSHandshakeError):
        answer = parsed_answer(error.raw_header, error.raw_body)
        if answer is not None and is_informational(answer.status):
            return failed(request, f"HTTP {answer.status} came before the answer: {_NO_SKIPPING}")
        if answer is not None and answer.status != 101:
            return refused(request, answer.status, answer.headers, answer.body, redact)
        return failed(request, shown(str(error), redact))
    return unreachable(request, error, redact)
