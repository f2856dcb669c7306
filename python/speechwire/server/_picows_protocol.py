"""picows's protocol on a connection whose upgrade aiohttp has read and checked.

``WSProtocol`` is the class that ``picows.ws_create_server`` makes for each connection. picows has no public
way to take over an open connection, so this module makes it directly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self

import picows
from aiohttp import web
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stubs leave it out

from speechwire.server._sockets import WRITER_BYTES

__all__ = ["Upgrade", "feed", "take_over"]

_READ_BUFFER_BYTES: Final = 2048  # at first; it grows when a read fills it
_READ_BYTES: Final = 4096  # the most that is read at once

_NOBODY: Final = asyncio.Protocol()

# picows logs each connection that it opens and closes. It makes a logger for each, unless given an adapter.
_silent = logging.getLogger("speechwire.server.picows")
_silent.setLevel(logging.CRITICAL + 1)
_picows_logger = logging.LoggerAdapter(_silent, {})


class Upgrade(NamedTuple):
    """An upgrade that aiohttp has checked.

    Attributes:
        head: Of the request, with only what picows needs.
        subprotocol: The chosen one, or ``None``.
        message_bytes: The largest message that is accepted.
    """

    head: bytes
    subprotocol: str | None
    message_bytes: int

    @classmethod
    def of(cls, request: web.BaseRequest, protocols: list[str], message_bytes: int) -> Self:
        """Check a request.

        Raises:
            HTTPBadRequest: It is not a WebSocket upgrade.
        """
        ready = web.WebSocketResponse(protocols=protocols).can_prepare(request)
        if not ready.ok:
            raise web.HTTPBadRequest
        return cls(_head_of(request), ready.protocol, message_bytes)


class _Protocol(WSProtocol):  # type: ignore[misc]
    """picows's protocol with a bounded read buffer.

    picows doubles its buffer whenever a read fills it, and never shrinks it. After it has refused a frame it
    reads on and makes room for that frame. So reads are limited in size, and reading pauses after a refusal.
    """

    def get_buffer(self, size_hint: int) -> memoryview:
        """Return the buffer for the next read. Not the place to pause: libuv would crash."""
        return _room(self, size_hint)[:_READ_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Handle what was read."""
        _handle(self, nbytes)
        if self.transport.is_close_frame_sent and not self.listener.is_closing:
            transport = self.transport.underlying_transport
            if not transport.is_closing():
                transport.pause_reading()


_room: Final[Callable[[WSProtocol, int], memoryview]] = WSProtocol.get_buffer
_handle: Final[Callable[[WSProtocol, int], None]] = WSProtocol.buffer_updated


def take_over(transport: asyncio.Transport, listener: picows.WSListener, upgrade: Upgrade) -> Any:
    """Put picows's protocol on an open connection, and answer the upgrade. Reading is paused.

    Args:
        transport: Nobody reads from it.
        listener: Gets the frames. Its ``is_closing`` tells whether it waits for the answer to a close.
        upgrade: The checked request.

    Returns:
        The protocol.

    Raises:
        ConnectionError: The caller is gone.
    """
    headers = {"Sec-WebSocket-Protocol": upgrade.subprotocol} if upgrade.subprotocol else {}
    answer = picows.WSUpgradeResponse.create_101_response(headers)
    protocol = _Protocol(
        None,
        None,
        False,  # not a client
        lambda _: picows.WSUpgradeResponseWithListener(answer, listener),
        _picows_logger,
        True,  # an exception closes the connection
        None,  # no timeout for the request: aiohttp has read it
        False,  # the listener pings
        0.0,
        0.0,
        picows.WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # the listener answers pings
        upgrade.message_bytes,
        None,
        _READ_BUFFER_BYTES,
    )
    transport.pause_reading()
    transport.set_protocol(_NOBODY)  # else uvloop keeps aiohttp's protocol alive, with its parser
    transport.set_protocol(protocol)
    transport.set_write_buffer_limits(high=WRITER_BYTES)
    protocol.connection_made(transport)
    feed(protocol, upgrade.head)
    if transport.is_closing():
        raise ConnectionError("the upgrade was not accepted")
    return protocol


def feed(protocol: Any, data: bytes) -> None:
    """Pass data to the protocol as if it had been read."""
    while data:
        room = protocol.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]


def _head_of(request: web.BaseRequest) -> bytes:
    """Write the head of an upgrade that aiohttp has checked, with only what picows needs."""
    lines = [
        "GET / HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        *(f"{name}: {request.headers[name]}" for name in ("Sec-WebSocket-Version", "Sec-WebSocket-Key")),
    ]
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape")
