"""A call's WebSocket on picows, on a connection whose HTTP request aiohttp has read.

picows handles frames in the event loop's read callback and writes them in the call that sends. A frame costs
no task switch, and a call needs no reading or writing task. aiohttp reads the request, since picows serves
only GET and cannot wait for an answer. picows then gets the head of an upgrade that has been checked.

``WSProtocol`` is the class that ``picows.ws_create_server`` makes for each connection. picows has no public
way to take over an open connection, so this module makes it directly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Self

import picows
from aiohttp import web
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stubs leave it out

from speechwire.server._http import hand_over
from speechwire.server._line import Line
from speechwire.server._rests import Rests
from speechwire.server._sockets import CLOSE_S, WRITER_BYTES, goodbye_of, is_deaf
from speechwire.transport._fragments import Fragments

__all__ = ["PicowsSocket"]

_QUIET_BEATS: Final = 4  # beats without a frame before a ping
_DEAD_BEATS: Final = 6
_READ_BUFFER_BYTES: Final = 2048  # at first; it grows when a read fills it
_READ_BYTES: Final = 4096  # the most that is read at once

_NOBODY: Final = asyncio.Protocol()

# picows logs each connection that it opens and closes. It makes a logger for each, unless given an adapter.
_silent = logging.getLogger("speechwire.server.picows")
_silent.setLevel(logging.CRITICAL + 1)
_picows_logger = logging.LoggerAdapter(_silent, {})
_logger = logging.getLogger("speechwire.server")

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_PING = picows.WSMsgType.PING


class PicowsSocket(picows.WSListener):
    """One connection. Made by :meth:`open`.

    Args:
        message_bytes: The largest message that a caller may send.
        rests: Resumes reading of all connections that paused.

    Attributes:
        is_closing: Whether the call is over and the socket waits for the caller's answer to the close.
    """

    __slots__ = (
        "_beats",
        "_emptied",
        "_fragments",
        "_gone",
        "_is_over",
        "_is_writable",
        "_line",
        "_message_bytes",
        "_protocol",
        "_rest",
        "_rests",
        "_transport",
        "is_closing",
    )

    def __init__(self, message_bytes: int, rests: Rests) -> None:
        self.is_closing = False
        self._rests = rests
        self._message_bytes = message_bytes
        self._line: Line | None = None
        self._rest = b""
        self._fragments: Fragments | None = None
        self._is_writable = True
        self._is_over = False  # further frames are ignored
        self._beats = 0
        self._emptied: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    def open(cls, request: web.BaseRequest, protocols: list[str], message_bytes: int, rests: Rests) -> Self:
        """Answer the upgrade and take the connection over; the handler must then raise :class:`HandedOver`.

        Raises:
            HTTPBadRequest: The request is not a WebSocket upgrade.
            ConnectionError: The caller is gone.
        """
        ready = web.WebSocketResponse(protocols=protocols).can_prepare(request)
        if not ready.ok:
            raise web.HTTPBadRequest
        head = _head_of(request)
        transport, rest = hand_over(request)
        socket = cls(message_bytes, rests)
        socket._rest = rest
        socket._connect(transport, head, ready.protocol)
        return socket

    async def serve(self, line: Line, timeout_s: float) -> None:
        """See :class:`CallSocket`."""
        self._line = line
        line.outbox.notify(self._flush)
        try:
            self._begin()
            ending = await line.run()
            if not is_deaf(ending):
                await self._empty(timeout_s)
        finally:
            await self._close(line)

    def beat(self) -> None:
        """See :class:`BeatingSocket`."""
        self._beats += 1
        if self._beats == _QUIET_BEATS:
            self._transport.send_ping()
        elif self._beats >= _DEAD_BEATS:
            self._transport.disconnect(graceful=False)

    # Called by picows

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        transport.request.headers.clear()  # picows keeps the request; free its headers

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self._beats = 0
        kind = frame.msg_type
        if self._is_over and kind is not _CLOSE:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail(picows.WSCloseCode.PROTOCOL_ERROR, "reserved bits are set")
        elif frame.fin and self._fragments is None and (kind is _TEXT or kind is _BINARY):
            self._take(frame.get_payload_as_bytes(), is_text=kind is _TEXT)
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._take_fragment(frame, kind)
        elif kind == _PING:
            if self._is_writable:  # pongs to a caller that does not read would fill the memory
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            self._is_over = True
            self._hang_up()
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._is_over = True
        self._hang_up()
        _settle(self._gone)
        _settle(self._emptied)

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._flush()

    # Inside

    def _connect(self, transport: asyncio.Transport, head: bytes, subprotocol: str | None) -> None:
        headers = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}
        answer = picows.WSUpgradeResponse.create_101_response(headers)
        protocol = self._protocol = _Protocol(
            None,
            None,
            False,  # not a client
            lambda _: picows.WSUpgradeResponseWithListener(answer, self),
            _picows_logger,
            True,  # an exception closes the connection
            None,  # no timeout for the request: aiohttp has read it
            False,  # see beat
            0.0,
            0.0,
            picows.WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # see on_ws_frame
            self._message_bytes,
            None,
            _READ_BUFFER_BYTES,
        )
        transport.pause_reading()  # until serve is called
        transport.set_protocol(_NOBODY)  # else uvloop keeps aiohttp's protocol alive, with its parser
        transport.set_protocol(protocol)
        transport.set_write_buffer_limits(high=WRITER_BYTES)
        protocol.connection_made(transport)
        _feed(protocol, head)
        if transport.is_closing():
            raise ConnectionError("the upgrade was not accepted")

    def _begin(self) -> None:
        rest, self._rest = self._rest, b""
        _feed(self._protocol, rest)
        if not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.resume_reading()

    def _take(self, payload: bytes, *, is_text: bool) -> None:
        assert self._line is not None
        try:
            delay_s = self._line.receive(payload.decode() if is_text else payload)
        except UnicodeDecodeError:
            self._fail(picows.WSCloseCode.INVALID_TEXT, "text that is no UTF-8")
        except Exception:
            _logger.exception("a message could not be taken")
            self._fail(picows.WSCloseCode.INTERNAL_ERROR, "")
        else:
            if delay_s:
                self._pause(delay_s)
            elif self._line.pace.rest_s:
                self._rest_for(self._line.pace.rest_s)

    def _rest_for(self, duration_s: float) -> None:
        transport = self._transport.underlying_transport
        if transport.is_reading():
            transport.pause_reading()
            self._rests.add(duration_s, self._end_rest)

    def _end_rest(self) -> None:
        assert self._line is not None
        self._line.pace.rest_s = 0.0
        transport = self._transport.underlying_transport
        if not transport.is_closing():
            transport.resume_reading()

    def _take_fragment(self, frame: picows.WSFrame, kind: picows.WSMsgType) -> None:
        if self._fragments is None:
            self._fragments = Fragments(self._message_bytes)
        fragments = self._fragments
        fault = None if kind == _CONTINUATION else fragments.begin(kind == _TEXT)
        if fault is not None:
            self._fail(picows.WSCloseCode.PROTOCOL_ERROR, fault)
        elif (fault := fragments.add(frame.get_payload_as_bytes())) is not None:
            is_long = fragments.open
            code = picows.WSCloseCode.MESSAGE_TOO_BIG if is_long else picows.WSCloseCode.PROTOCOL_ERROR
            self._fail(code, fault)
        elif frame.fin:
            self._fragments = None
            self._take(fragments.end(), is_text=fragments.is_text)

    def _pause(self, delay_s: float) -> None:
        """Pause reading for a while. Frames that have been read already are still handled."""
        transport = self._transport.underlying_transport
        if transport.is_reading():
            transport.pause_reading()
            asyncio.get_running_loop().call_later(delay_s, self._resume)

    def _resume(self) -> None:
        assert self._line is not None
        loop, transport = asyncio.get_running_loop(), self._transport.underlying_transport
        delay_s = self._line.pace.add(0.0, loop.time())  # one read may have held many messages
        if transport.is_closing():
            return
        if delay_s:
            loop.call_later(delay_s, self._resume)
        else:
            transport.resume_reading()

    def _flush(self) -> None:
        """Send messages of the outbox as long as the connection accepts them."""
        if self._line is None or self._gone.done():
            return
        outbox, send = self._line.outbox, self._transport.send
        while self._is_writable and (message := outbox.pop()) is not None:
            send(_TEXT if isinstance(message, str) else _BINARY, message)
        if outbox.is_done:
            _settle(self._emptied)

    def _fail(self, code: picows.WSCloseCode, reason: str) -> None:
        self._is_over = True
        self._hang_up()
        raise picows.WSProtocolError(code, reason)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.disconnected()

    async def _empty(self, timeout_s: float) -> None:
        assert self._line is not None
        if not self._line.outbox.is_done and not self._gone.done():
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._emptied}, timeout=timeout_s)

    async def _close(self, line: Line) -> None:
        """Close with the call's code and reason; drop a caller that does not read or does not answer."""
        try:
            if not self._gone.done() and line.outbox.is_done and self._is_writable:
                self.is_closing = True
                code, reason = goodbye_of(line)
                self._transport.send_close(code, reason)  # type: ignore[arg-type]  # any code may be sent
                await asyncio.wait({self._gone}, timeout=CLOSE_S)
        finally:
            self._transport.disconnect(graceful=False)


class _Protocol(WSProtocol):  # type: ignore[misc]
    """picows's protocol with a bounded read buffer.

    picows doubles its buffer whenever a read fills it, and never shrinks it. After it has refused a frame it
    reads on and makes room for that frame. So reads are limited in size, and reading pauses after a refusal.
    """

    def get_buffer(self, size_hint: int) -> memoryview:
        """Return the buffer for the next read, at most `_READ_BYTES`."""
        transport = self.transport
        if transport.is_close_frame_sent and not self.listener.is_closing:
            transport.underlying_transport.pause_reading()
        return _room(self, size_hint)[:_READ_BYTES]


_room: Final[Callable[[WSProtocol, int], memoryview]] = WSProtocol.get_buffer


def _head_of(request: web.BaseRequest) -> bytes:
    """Write the head of an upgrade that aiohttp has checked, with only what picows needs."""
    lines = [
        "GET / HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        *(f"{name}: {request.headers[name]}" for name in ("Sec-WebSocket-Version", "Sec-WebSocket-Key")),
    ]
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape")


def _feed(protocol: Any, data: bytes) -> None:
    """Pass data to the protocol as if it had been read."""
    while data:
        room = protocol.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]


def _settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
