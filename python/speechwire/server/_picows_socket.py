"""A call's WebSocket on picows, on a connection whose HTTP request aiohttp has read.

picows handles frames in the event loop's read callback and writes them in the call that sends. A frame costs
no task switch, and a call needs no reading or writing task. aiohttp reads the request, since picows serves
only GET and cannot wait for an answer. picows then gets the head of an upgrade that has been checked.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Self

import picows
from aiohttp import web

from speechwire.server._http import hand_over
from speechwire.server._line import Line
from speechwire.server._picows_protocol import Upgrade, feed, take_over
from speechwire.server._rests import Rests
from speechwire.server._sockets import CLOSE_S, goodbye_of, is_deaf
from speechwire.transport._fragments import Fragments

__all__ = ["PicowsSocket"]

_QUIET_BEATS: Final = 4  # beats without a frame before a ping
_DEAD_BEATS: Final = 6
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
        "_texts",
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
        self._texts: list[bytes] | None = None  # that have come in the read that goes on
        self._is_writable = True
        self._is_over = False  # further frames are ignored
        self._beats = 0
        self._emptied: asyncio.Future[None] | None = None
        self._protocol: Any = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    def open(cls, request: web.BaseRequest, protocols: list[str], message_bytes: int, rests: Rests) -> Self:
        """Answer the upgrade and take the connection over; the handler must then raise :class:`HandedOver`.

        Raises:
            HTTPBadRequest: The request is not a WebSocket upgrade.
            ConnectionError: The caller is gone.
        """
        upgrade = Upgrade.of(request, protocols, message_bytes)
        transport, rest = hand_over(request)
        socket = cls(message_bytes, rests)
        socket._rest = rest
        socket._protocol = take_over(transport, socket, upgrade)
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
        is_reserved = frame.rsv1 or frame.rsv2 or frame.rsv3
        is_whole = frame.fin and self._fragments is None and not is_reserved
        if is_whole and kind is _TEXT:
            self._gather(frame.get_payload_as_bytes(), is_last=frame.last_in_buffer)
            return
        self._take_texts()
        if is_reserved:
            self._fail(picows.WSCloseCode.PROTOCOL_ERROR, "reserved bits are set")
        elif is_whole and kind is _BINARY:
            self._take(frame.get_payload_as_bytes())
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

    def _begin(self) -> None:
        rest, self._rest = self._rest, b""
        feed(self._protocol, rest)
        if not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.resume_reading()

    def _gather(self, text: bytes, *, is_last: bool) -> None:
        """Take the texts of one read together: audio in one piece costs little more than its first frame."""
        if self._texts is None:
            self._texts = [text]
        else:
            self._texts.append(text)
        if is_last:
            self._take_texts()

    def _take_texts(self) -> None:
        texts, self._texts = self._texts, None
        if texts is not None:
            self._take(texts)

    def _take(self, message: list[bytes] | bytes) -> None:
        """Take texts or a binary message."""
        line = self._line
        assert line is not None
        try:
            delay_s = line.receive(message) if isinstance(message, bytes) else line.receive_texts(message)
        except UnicodeDecodeError:
            self._fail(picows.WSCloseCode.INVALID_TEXT, "text that is no UTF-8")
        except Exception:
            _logger.exception("a message could not be taken")
            self._fail(picows.WSCloseCode.INTERNAL_ERROR, "")
        else:
            if delay_s:
                self._pause(delay_s)
            elif line.pace.rest_s:
                self._rest_for(line.pace.rest_s)

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
            self._take([fragments.end()] if fragments.is_text else fragments.end())

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


def _settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
