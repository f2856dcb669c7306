"""Connections through picows. The only module of the core that imports it; an optional dependency.

picows masks, frames and writes in C within the call that sends, and hands frames over within the event loop's
read. Alone it costs half of what aiohttp does; of a whole live stream it saves up to a quarter
(``make bench-streams``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl as ssl_module
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import picows

from speechwire.errors import ConnectionLost, SpeechwireError
from speechwire.transport._client import (
    CLOSE_TIMEOUT_S,
    CUT_SHORT,
    NO_CLOSE_FRAME,
    NO_PONG,
    USER_AGENT,
    attempted,
    failed,
    refused,
    shown,
    told,
    unreachable,
)
from speechwire.transport._dial import dial
from speechwire.transport._fragments import Fragments
from speechwire.transport._http import is_informational, parsed_answer
from speechwire.transport._hush import hushed
from speechwire.transport._proxy import Proxy
from speechwire.transport._secret import NotCopyable, Redactor
from speechwire.transport.base import ABNORMAL, CloseEvent, ConnectRequest, Take, WebSocket

__all__ = ["PicowsClient"]

_READ_BUFFER_BYTES: Final = 4096  # grows where more comes at once
_NO_SKIPPING: Final = "the aiohttp transport skips it, picows cannot"
_MOST_WAITING: Final = 64  # frames nobody has taken yet; beyond, reading pauses

# picows tells of every connection it opens and closes; what matters of that, sessions tell.
_logger = logging.getLogger("speechwire.transport.picows")
_logger.setLevel(logging.CRITICAL)

_OpenSocket = Callable[[picows.WSParsedURL], Awaitable[socket.socket]]
_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_PING = picows.WSMsgType.PING


class PicowsClient:
    """Opens connections through picows, and knows those that are open."""

    def __init__(self) -> None:
        self._open: set[_PicowsConnection] = set()

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
    ) -> _PicowsConnection:
        opened: list[socket.socket] = []

        async def open_socket(url: picows.WSParsedURL) -> socket.socket:
            opened.append(await dial(request, url.host, url.port, proxy))
            return opened[0]

        try:
            with hushed(request.url.startswith("wss:")):
                return await self._upgrade(request, open_socket, tls, redact)
        except BaseException:
            for each in opened:  # a handshake that is cancelled would go on without us
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            raise

    async def _upgrade(
        self,
        request: ConnectRequest,
        open_socket: _OpenSocket,
        tls: ssl_module.SSLContext | None,
        redact: Redactor,
    ) -> _PicowsConnection:
        idle_s = request.heartbeat_s
        _, connection = await picows.ws_connect(
            lambda: _PicowsConnection(self._open, request.max_message_bytes, redact),
            request.url,
            ssl_context=tls,
            websocket_handshake_timeout=None,  # the deadline is ours
            logger_name=_logger,
            enable_auto_pong=False,  # see on_ws_frame
            enable_auto_ping=idle_s is not None,
            auto_ping_idle_timeout=idle_s or 0.0,
            auto_ping_reply_timeout=(idle_s or 0.0) / 2,
            max_frame_size=request.max_message_bytes,
            extra_headers={"User-Agent": USER_AGENT, **request.revealed()},
            max_redirects=0,
            socket_factory=open_socket,
            read_buffer_init_size=_READ_BUFFER_BYTES,
        )
        if not isinstance(
            connection, _PicowsConnection
        ):  # there is none: picows takes an early end for a start
            raise failed(request, CUT_SHORT)
        return connection


class _PicowsConnection(NotCopyable, picows.WSListener):
    """One open WebSocket: picows calls it with frames, the session takes them from it."""

    __slots__ = (
        "_arrived",
        "_close",
        "_drained",
        "_ended",
        "_farewell",
        "_fragments",
        "_frames",
        "_max_message_bytes",
        "_pong_due",
        "_reading",
        "_redact",
        "_siblings",
        "_socket",
        "_take_frame",
        "_transport",
        "ready",
        "request_id",
    )

    def __init__(self, siblings: set[_PicowsConnection], max_message_bytes: int, redact: Redactor) -> None:
        self.request_id: str | None = None
        self.ready = False  # open, and the buffer empty: picows then writes to the socket in the call
        self._siblings = siblings
        self._max_message_bytes = max_message_bytes
        self._redact = redact
        self._frames: deque[str | bytes] | None = None  # nobody has taken them yet
        self._take_frame: Take | None = None
        self._fragments = Fragments(max_message_bytes)
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._close: CloseEvent | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = True
        self._pong_due: bytes | None = None

    # What picows calls

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        self._socket = transport.underlying_transport
        self.request_id = self._redact.optional(transport.response.headers.get("dg-request-id"))
        # A notice of what is left in the buffer saves asking for each frame. TLS takes a bound of 0 for full.
        self._socket.set_write_buffer_limits(high=1, low=0)
        self._siblings.add(self)
        self.ready = True

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if self._close is not None:
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail("a frame with reserved bits set")
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._take(frame, kind)
        elif kind == _PING:
            self._pong(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            # Behind a close frame of ours it is an answer, with our code in it, and no word of the service's.
            unasked = transport.close_handshake.recv_then_sent
            self._end(self._told(frame) if unasked else _untold(transport, self._redact))
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._siblings.discard(self)
        self._end(_untold(transport, self._redact))
        self._farewell = asyncio.get_running_loop().create_task(_settle(transport))

    def pause_writing(self) -> None:
        self.ready = False
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self.ready = self._close is None
        drained, self._drained = self._drained, None
        _wake(drained)
        if self._pong_due is not None:
            self._pong(self._pong_due)

    # What a session calls

    def send_now(self, frame: bytes) -> None:
        if self._close is not None or self._socket.is_closing():
            raise self._lost()
        self._transport.send(_BINARY, frame)

    async def send(self, frame: str | bytes) -> None:
        if self._close is not None or self._socket.is_closing():
            raise self._lost()
        self._transport.send(_TEXT if isinstance(frame, str) else _BINARY, frame)
        while self._drained is not None:
            await asyncio.shield(self._drained)
        if self._ended.done() and self._transport.is_disconnected:
            raise self._lost()

    async def receive(self) -> str | bytes | CloseEvent:
        while not self._frames:
            if self._close is not None:
                return self._close
            await self._arrival()
        return self._next_waiting()

    async def receive_each(self, take: Take) -> CloseEvent | None:
        if not self._give_waiting(take):
            return None
        self._take_frame = take
        try:
            while self._close is None and self._take_frame is not None:
                await self._arrival()
        finally:
            wanted, self._take_frame = self._take_frame is not None, None
        return self._close if wanted else None

    async def ping(self) -> None:
        if self._close is not None or self._socket.is_closing():
            raise self._lost()
        self._transport.send_ping(b"")

    async def aclose(self, code: int = 1000) -> None:
        try:
            if self._close is None:
                self._transport.send_close(code)  # type: ignore[arg-type]  # any code may be sent
                await asyncio.wait({self._ended}, timeout=2 * CLOSE_TIMEOUT_S)
        finally:
            self.abort()

    def abort(self) -> None:
        self._end(CloseEvent(ABNORMAL, NO_CLOSE_FRAME))
        self._transport.disconnect(graceful=False)

    # Inside

    async def _arrival(self) -> None:
        """Wait until a frame waits, or for the end."""
        self._arrived = asyncio.get_running_loop().create_future()
        await self._arrived

    def _next_waiting(self) -> str | bytes:
        assert self._frames is not None
        frame = self._frames.popleft()
        if not self._frames:
            self._frames = None  # an empty one is 0.7 KiB
            if not self._reading:
                self._read(True)
        return frame

    def _give_waiting(self, take: Take) -> bool:
        while self._frames:
            if not take(self._next_waiting()):
                return False
        return True

    def _take(self, frame: picows.WSFrame, kind: picows.WSMsgType) -> None:
        if frame.payload_size > self._max_message_bytes:  # picows has said so, and goes on
            self._fail(f"a frame of {frame.payload_size} bytes")
        elif frame.fin and kind != _CONTINUATION and not self._fragments.open:
            self._put(frame.get_payload_as_bytes(), kind == _TEXT)
        else:
            self._take_fragment(frame, kind)

    def _take_fragment(self, frame: picows.WSFrame, kind: picows.WSMsgType) -> None:
        fragments = self._fragments
        fault = None if kind == _CONTINUATION else fragments.begin(kind == _TEXT)
        fault = fault or fragments.add(frame.get_payload_as_bytes())
        if fault is not None:
            self._fail(fault)
        elif frame.fin:
            self._put(fragments.end(), fragments.is_text)

    def _pong(self, payload: bytes) -> None:
        """Answer a ping; while what was sent before it has not gone, only the last one (RFC 6455, 5.5.3).

        A peer that pings and does not read would otherwise fill the memory.
        """
        self._pong_due = None if self.ready else payload
        if self.ready and not self._socket.is_closing():
            self._transport.send_pong(payload)

    def _put(self, payload: bytes, is_text: bool) -> None:
        try:
            message = self._redact(payload.decode()) if is_text else payload
        except UnicodeDecodeError as error:
            self._fail(f"text that is not UTF-8: {error.reason}")
            return
        take = self._take_frame
        if take is None:
            self._keep(message)
        elif not take(message):
            self._take_frame = None
            self._announce()

    def _keep(self, message: str | bytes) -> None:
        if self._frames is None:
            self._frames = deque()
        self._frames.append(message)
        if len(self._frames) >= _MOST_WAITING:
            self._read(False)
        self._announce()

    def _read(self, on: bool) -> None:
        if on != self._reading and self._close is None:
            self._reading = on
            (self._socket.resume_reading if on else self._socket.pause_reading)()

    def _told(self, frame: picows.WSFrame) -> CloseEvent:
        if not frame.payload_size:
            return told(None, "", self._redact)
        code = int(frame.get_close_code())  # type: ignore[call-overload]  # an int enum in truth
        return told(code, frame.get_close_reason() or "", self._redact)

    def _fail(self, fault: str) -> None:
        """End the connection over something the peer did."""
        self._end(CloseEvent(ABNORMAL, fault))
        self._transport.send_close(picows.WSCloseCode.PROTOCOL_ERROR)
        self._transport.disconnect()

    def _end(self, close: CloseEvent) -> None:
        """Keep how it ended; the first account counts."""
        self._close = self._close or close
        self._announce()
        self.resume_writing()
        _wake(self._ended)

    def _announce(self) -> None:
        arrived, self._arrived = self._arrived, None
        _wake(arrived)

    def _lost(self) -> ConnectionLost:
        close = self._close or CloseEvent(ABNORMAL)
        return ConnectionLost(close.code, close.reason, request_id=self.request_id)


async def _settle(transport: picows.WSTransport) -> None:
    """Take note of why picows ended the connection, or asyncio complains that nobody did."""
    with contextlib.suppress(Exception):
        await transport.wait_disconnected()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _untold(transport: picows.WSTransport, redact: Redactor) -> CloseEvent:
    """Why a connection ended without the peer's own close frame: what picows could not take, or nothing."""
    sent = getattr(transport.close_handshake, "sent", None)  # there may have been no handshake
    if sent is None or not sent.reason:  # ours have no words
        return CloseEvent(ABNORMAL, NO_CLOSE_FRAME)
    no_pong = int(sent.code) == 1001  # picows sends it after a ping without an answer
    return CloseEvent(ABNORMAL, NO_PONG if no_pong else shown(sent.reason, redact))


def _explained(request: ConnectRequest, error: Exception, redact: Redactor) -> SpeechwireError:
    """One of our exceptions in place of one of picows's."""
    if isinstance(error, picows.WSHandshakeError):
        answer = parsed_answer(error.raw_header, error.raw_body)
        if answer is not None and is_informational(answer.status):
            return failed(request, f"HTTP {answer.status} came before the answer: {_NO_SKIPPING}")
        if answer is not None and answer.status != 101:
            return refused(request, answer.status, answer.headers, answer.body, redact)
        return failed(request, shown(str(error), redact))
    if isinstance(error, ConnectionError):
        return failed(request, CUT_SHORT)
    return unreachable(request, error, redact)
