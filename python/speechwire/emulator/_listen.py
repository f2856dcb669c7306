"""Drives one listening connection: frames in order, through recognition, into its state machine."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import Protocol

from speechwire.emulator._audio_format import Undecodable
from speechwire.emulator._hearing import ChannelHeard, Hearing
from speechwire.emulator._inlet import Inlet, Timeout, Timers
from speechwire.emulator._messages import Output
from speechwire.emulator._outlet import Outlet
from speechwire.emulator.engine import Heard
from speechwire.emulator.journal import Connection
from speechwire.errors import SpeechwireError

__all__ = ["ListenMachine", "drive_listen"]

_MAX_WAITING_FRAMES = 512
_MAX_WAITING_BYTES = 16 * 1024 * 1024

_log = logging.getLogger(__name__)


class _End(Enum):
    END = "end"


_END = _End.END
_Frame = str | bytes | Timeout | _End


class ListenMachine(Protocol):
    """What both listening endpoints have in common."""

    def open(self) -> list[Output]:
        """The first message, if the endpoint has one."""

    def hear(self, heard: Heard, channel: int, channels: int, /) -> list[Output]:
        """Advance by one report."""

    def must_settle(self, frame: str | bytes) -> bool:
        """Whether all audio has to be decoded before this frame is received."""

    def receive(self, frame: str | bytes) -> list[Output]:
        """Take one text message, or the empty binary frame."""

    def quiet(self) -> list[Output]:
        """No other frame is waiting."""

    def undecodable(self) -> list[Output]:
        """The audio does not fit its declared format."""

    def broken(self) -> list[Output]:
        """The engine has failed."""

    def idle(self) -> list[Output]:
        """The idle timer has run out."""

    @property
    def keyterms(self) -> tuple[str, ...]:
        """The terms favoured now."""


class _WaitingFrames:
    """Frames that have been read and not worked on; putting one more waits while there are too many."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[_Frame] = asyncio.Queue(_MAX_WAITING_FRAMES)
        self._bytes = 0
        self._taken = asyncio.Event()

    def empty(self) -> bool:
        return self._frames.empty()

    async def put(self, frame: _Frame) -> None:
        while self._bytes > _MAX_WAITING_BYTES:
            self._taken.clear()
            await self._taken.wait()
        self._bytes += _size(frame)
        await self._frames.put(frame)

    async def take(self) -> _Frame:
        frame = await self._frames.get()
        self._bytes -= _size(frame)
        self._taken.set()
        return frame


class _ListenDriver:
    """Reading goes on while audio is recognized, up to a bound; then TCP holds the client back."""

    def __init__(self, machine: ListenMachine, hearing: Hearing, outlet: Outlet, record: Connection) -> None:
        self._machine = machine
        self._hearing = hearing
        self._outlet = outlet
        self._record = record
        self._waiting = _WaitingFrames()

    async def read(self, inlet: Inlet, timers: Timers) -> None:
        async for frame in inlet.frames(timers):
            await self._waiting.put(frame)
        await self._waiting.put(_END)

    async def work(self) -> None:
        """Do everything in order; an engine that fails ends the stream as a fault of the service does."""
        try:
            await self._work()
        except SpeechwireError as error:
            _log.warning("connection %d: %s", self._record.index, error)
            await self._outlet.send(self._machine.broken())
            while await self._waiting.take() is not _END:
                # The client may go on sending until it has seen the close.
                pass

    async def _work(self) -> None:
        await self._outlet.send(self._machine.open())
        await self._outlet.strike(0.0)
        await self._hearing.open()
        while (frame := await self._waiting.take()) is not _END:
            if self._outlet.closed:
                continue
            if isinstance(frame, bytes) and frame:
                await self._hear(frame)
            elif isinstance(frame, Timeout):
                await self._outlet.send(self._machine.idle())
            elif isinstance(frame, str | bytes):
                await self._receive(frame)

    async def _hear(self, data: bytes) -> None:
        try:
            reports = await self._hearing.feed(data)
            self._record.note_gaps(self._hearing.gaps())
        except Undecodable:
            await self._outlet.send(self._machine.undecodable())
            return
        self._record.audio_s = self._hearing.heard_s
        await self._report(reports)
        await self._outlet.strike(self._hearing.heard_s)

    async def _receive(self, frame: str | bytes) -> None:
        if self._machine.must_settle(frame):
            await self._report(await self._hearing.settle())
        before = self._machine.keyterms
        await self._outlet.send(self._machine.receive(frame))
        if self._waiting.empty():
            await self._outlet.send(self._machine.quiet())
        if self._machine.keyterms != before:
            await self._hearing.set_keyterms(self._machine.keyterms)

    async def _report(self, reports: list[ChannelHeard]) -> None:
        for report in reports:
            # In order of audio time, so that what a fault cuts off does not depend on how frames were cut.
            await self._outlet.strike(report.heard.time_s)
            await self._outlet.send(self._machine.hear(report.heard, report.channel, self._hearing.channels))
            await self._outlet.send_frames(report.heard.frames)


async def drive_listen(
    machine: ListenMachine, hearing: Hearing, inlet: Inlet, outlet: Outlet, record: Connection, timers: Timers
) -> None:
    """Serve one connection until it has ended."""
    driver = _ListenDriver(machine, hearing, outlet, record)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(driver.work())
            await driver.read(inlet, timers)
    finally:
        await hearing.aclose()


def _size(frame: _Frame) -> int:
    return len(frame) if isinstance(frame, str | bytes) else 0
