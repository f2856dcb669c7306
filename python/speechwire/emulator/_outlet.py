"""Sends one connection's outputs in order, applies its faults, and records them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterable, Sequence

from aiohttp import web

from speechwire.emulator._messages import Close, Output, Send, SendAudio
from speechwire.emulator.engine import Frame
from speechwire.emulator.faults import CloseWith, FaultSession, HalfOpen, Inject, Reset, Stall, Timed
from speechwire.emulator.journal import Connection, Journal

__all__ = ["Outlet"]

_LINGER_S = 2.0
_MAX_DELAYED = 4096


class Outlet:
    """Sends the outputs of one connection's state machine.

    Close frames are written by hand: Flux closes without a status code, which aiohttp cannot. What is
    delayed by a fault is sent by a task of its own, so that delay costs no throughput.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        request: web.BaseRequest,
        record: Connection,
        journal: Journal,
        faults: FaultSession,
    ) -> None:
        self._ws = ws
        self._transport = request.transport
        self._record = record
        self._journal = journal
        self._faults = faults
        self._silent = False
        self._delayed: asyncio.Queue[tuple[float, Frame | Close]] = asyncio.Queue(_MAX_DELAYED)
        self._delayer: asyncio.Task[None] | None = None
        self._cutoff: asyncio.TimerHandle | None = None
        self.closed = False
        self.half_open = asyncio.Event()

    async def send(self, outputs: Iterable[Output]) -> None:
        """Send these in order; after a close nothing more goes out."""
        for output in outputs:
            match output:
                case Send(message):
                    await self._send_message(message)
                case SendAudio(data):
                    await self._hold_or_write(data)
                case Close():
                    await self._send_verbatim(self._faults.late_frames)
                    await self._hold_or_write(output)

    async def send_frames(self, frames: Sequence[Frame]) -> None:
        """Send a script's frames verbatim."""
        await self._send_verbatim(frames)

    async def strike(self, audio_s: float) -> None:
        """Apply every fault that is due at `audio_s`."""
        for fault in self._faults.due(audio_s):
            await self._happen(fault)

    async def aclose(self) -> None:
        """Stop the delaying task and the timer."""
        if self._cutoff:
            self._cutoff.cancel()
        if self._delayer:
            self._delayer.cancel()
            await asyncio.gather(self._delayer, return_exceptions=True)

    def hang_up(self) -> None:
        """Close the TCP connection."""
        if self._transport:
            self._transport.close()

    async def _send_message(self, message: dict[str, object]) -> None:
        rewritten = self._faults.rewrite(message)
        if rewritten is None:
            self._record.lost += 1
            return
        await self._hold_or_write(rewritten)

    async def _send_verbatim(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            await self._hold_or_write(frame)

    async def _hold_or_write(self, item: Frame | Close) -> None:
        if self._silent or self.closed:
            self._record.lost += 1
            return
        delay_s = self._faults.send_delay_s()
        if not delay_s and self._delayer is None:
            await self._write(item)
            return
        self._delayer = self._delayer or asyncio.create_task(self._write_delayed())
        await self._delayed.put((asyncio.get_running_loop().time() + delay_s, item))

    async def _write_delayed(self) -> None:
        while True:
            due_s, item = await self._delayed.get()
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())
            await self._write(item)

    async def _write(self, item: Frame | Close) -> None:
        if self.closed:
            return
        try:
            if isinstance(item, Close):
                self._write_close(item, "server")
            elif isinstance(item, bytes):
                await self._ws.send_bytes(item)
                self._record.sent_audio_bytes += len(item)
            else:
                text = item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
                await self._ws.send_str(text)
                self._journal.message(self._record, text)
        except ConnectionError:
            # The client is gone; the reader finds out how.
            self.closed = True

    def _write_close(self, close: Close, by: str) -> None:
        payload = b"" if close.code is None else struct.pack("!H", close.code) + close.reason.encode()[:123]
        self._write_raw(bytes((0x88, len(payload))) + payload)
        self._end(by, 1005 if close.code is None else close.code, close.reason)
        self._cutoff = asyncio.get_running_loop().call_later(_LINGER_S, self._abort)

    def _write_raw(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def _end(self, by: str, code: int, reason: str = "") -> None:
        self.closed = True
        self._journal.closed(self._record, by, code, reason)

    async def _happen(self, fault: Timed) -> None:
        match fault:
            case Inject():
                await self._send_verbatim([fault.frame])
            case Stall():
                self._silent = True
            case HalfOpen():
                self._silent = True
                self.half_open.set()
            case CloseWith() if not self.closed:
                self._write_close(Close(fault.code, fault.reason), "fault")
            case Reset() if not self.closed:
                self._reset(fault)

    def _reset(self, fault: Reset) -> None:
        if fault.mid_frame:
            # A text frame that promises 100 bytes and carries 12.
            self._write_raw(b'\x81\x64{"type":"Res')
        self._end("fault", 1006)
        if fault.hard:
            self._linger_zero()
            self._abort()
        else:
            self.hang_up()

    def _linger_zero(self) -> None:
        # With a linger time of zero the kernel sends RST instead of FIN.
        if self._transport and (sock := self._transport.get_extra_info("socket")):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
