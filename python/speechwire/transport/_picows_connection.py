"""One open connection through picows."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

import picows

from speechwire.errors import ConnectionLost
from speechwire.transport._client import (
    CLOSE_TIMEOUT_S,
    NO_CLOSE_FRAME,
    NO_PONG,
    shown,
    told,
)
from speechwire.transport._fragments import Fragments
from speechwire.transport._secret import NotCopyable, Redactor
from speechwire.transport.base import ABNORMAL, CloseEvent, Take

__all__ = ["PicowsConnection"]

_KEPT_BYTES: Final = 4096  # longer frames are sent without picows's buffer, which would keep their size
_HEAD_BYTES: Final = 14  # of a frame, at most (RFC 6455, 5.2)
_MOST_WAITING: Final = 64  # frames not taken yet; with more, reading pauses

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_PING = picows.WSMsgType.PING


class PicowsConnection(NotCopyable, picows.WSListener):
    """One open WebSocket: picows delivers frames to it, and the session takes them."""

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

    def __init__(self, siblings: set[PicowsConnection], max_message_bytes: int, redact: Redactor) -> None:
        self.request_id: str | None = None
        self.ready = False  # open, and the buffer empty: picows then writes to the socket in the call
        self._siblings = siblings
        self._max_message_bytes = max_message_bytes
        self._redact = redact
        self._frames: deque[str | bytes] | None = None  # frames not taken yet
        self._take_frame: Take | None = None
        self._fragments = Fragments(max_message_bytes)
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._close: CloseEvent | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = True
        self._pong_due: bytes | None = None

    # Called by picows

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        self._socket = transport.underlying_transport
        self.request_id = self._redact.optional(transport.response.headers.get("dg-request-id"))
        for head in (transport.request, transport.response):  # picows keeps both; one has the credential
            head.headers.clear()
        # Be notified when the buffer is not empty, instead of asking for each frame. TLS treats 0 as full.
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
            # After a close frame of ours, the peer's is only an answer that repeats our code.
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

    # Called by sessions

    def send_now(self, frame: bytes) -> None:
        if self._close is not None or self._socket.is_closing():
            raise self._lost()
        if len(frame) > _KEPT_BYTES:
            self._write(frame)
        else:
            self._transport.send(_BINARY, frame)

    async def send(self, frame: str | bytes) -> None:
        if self._close is not None or self._socket.is_closing():
            raise self._lost()
        self._write(frame)
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

    def _write(self, frame: str | bytes) -> None:
        """Pass a frame to picows; a long one with space for its header, else picows keeps a large buffer."""
        kind = _TEXT if isinstance(frame, str) else _BINARY
        if len(frame) <= _KEPT_BYTES:
            self._transport.send(kind, frame)
            return
        data = bytearray(_HEAD_BYTES)
        data += frame.encode() if isinstance(frame, str) else frame
        self._transport.send_reuse_external_bytearray(kind, data, _HEAD_BYTES)

    async def _arrival(self) -> None:
        """Wait for a frame or for the end."""
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
        if frame.payload_size > self._max_message_bytes:  # picows has reported it and still delivers it
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
        """Answer a ping; while earlier data waits in the buffer, only the last ping (RFC 6455, 5.5.3).

        Otherwise a peer that sends pings and does not read would fill the memory.
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
        """End the connection because of a fault of the peer."""
        self._end(CloseEvent(ABNORMAL, fault))
        self._transport.send_close(picows.WSCloseCode.PROTOCOL_ERROR)
        self._transport.disconnect()

    def _end(self, close: CloseEvent) -> None:
        """Record how the connection ended; later calls do nothing."""
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
    """Retrieve picows's exception, else asyncio logs that it was never retrieved."""
    with contextlib.suppress(Exception):
        await transport.wait_disconnected()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _untold(transport: picows.WSTransport, redact: Redactor) -> CloseEvent:
    """Why a connection ended without a close frame of the peer: the frame picows refused, if any."""
    sent = getattr(transport.close_handshake, "sent", None)  # there may have been no handshake
    if sent is None or not sent.reason:  # our own close frames have no reason
        return CloseEvent(ABNORMAL, NO_CLOSE_FRAME)
    no_pong = int(sent.code) == 1001  # picows sends it after a ping without an answer
    return CloseEvent(ABNORMAL, NO_PONG if no_pong else shown(sent.reason, redact))
