"""Drives one speaking connection: texts into its state machine, synthesized audio out of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from speechwire.emulator._audio_format import AudioFormat, encode
from speechwire.emulator._inlet import Inlet, Timeout, Timers
from speechwire.emulator._messages import Output, SendAudio
from speechwire.emulator._outlet import Outlet
from speechwire.emulator.engine import Synthesizer
from speechwire.emulator.journal import Connection
from speechwire.errors import InvalidArgument, SpeechwireError

__all__ = ["Delivery", "SpeakMachine", "drive_speak"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How synthesized audio goes out.

    Attributes:
        pace: Times real time; None sends it as it is made.
        latency_s: Wait before the first audio of a job.
        frame_bytes: Sizes of the binary frames, in turn; odd ones split samples.
        in_flight: Frames already on their way when ``Clear`` or ``Interrupt`` comes; they arrive before the
            answer.
    """

    pace: float | None = None
    latency_s: float = 0.0
    frame_bytes: tuple[int, ...] = (3840,)
    in_flight: int = 1

    def __post_init__(self) -> None:
        if not self.frame_bytes or min(self.frame_bytes) < 1:
            raise InvalidArgument("frame_bytes", self.frame_bytes, "at least one size of at least one byte")
        if self.pace is not None and not self.pace > 0:
            raise InvalidArgument("pace", self.pace, "above 0, or None for as fast as possible")
        if not 0 <= self.latency_s < math.inf:
            raise InvalidArgument("latency_s", self.latency_s, "0 or more")


class SpeakMachine(Protocol):
    """What both speaking endpoints have in common."""

    @property
    def job(self) -> tuple[int, str] | None:
        """What is to be spoken now."""

    @property
    def speed(self) -> float:
        """The speaking rate now."""

    def open(self) -> list[Output]:
        """The first message."""

    def receive(self, text: str, now_s: float) -> list[Output]:
        """Take one text message."""

    def receive_binary(self) -> list[Output]:
        """Take a binary frame."""

    def audio(self, job_id: int, data: bytes) -> list[Output]:
        """Audio of a job."""

    def job_done(self, job_id: int) -> list[Output]:
        """The end of a job."""

    def broken(self) -> list[Output]:
        """The engine has failed."""

    def idle(self) -> list[Output]:
        """The idle timer has run out."""

    def session_over(self) -> list[Output]:
        """The session has lasted too long."""


class _SpeakDriver:
    """Runs a state machine's step and sends its outputs as one critical section.

    So audio of a cleared job can never follow its ``Cleared``.
    """

    def __init__(
        self,
        machine: SpeakMachine,
        synthesizer: Synthesizer,
        outlet: Outlet,
        record: Connection,
        audio: AudioFormat,
        delivery: Delivery,
    ) -> None:
        self._machine = machine
        self._synthesizer = synthesizer
        self._outlet = outlet
        self._record = record
        self._audio = audio
        self._delivery = delivery
        self._sample_bytes = 2 if audio.encoding == "linear16" else 1
        self._turn = asyncio.Lock()
        self._work = asyncio.Event()
        self._ahead: deque[bytes] = deque()

    async def read(self, inlet: Inlet, timers: Timers) -> None:
        async with self._turn:
            await self._outlet.send(self._machine.open())
            await self._outlet.strike(0.0)
        async for frame in inlet.frames(timers):
            async with self._turn:
                await self._receive(frame)
            self._work.set()

    async def _receive(self, frame: str | bytes | Timeout) -> None:
        job = self._machine.job
        match frame:
            case str():
                outputs = self._machine.receive(frame, asyncio.get_running_loop().time())
            case bytes():
                outputs = self._machine.receive_binary()
            case Timeout.IDLE:
                outputs = self._machine.idle()
            case Timeout.SESSION:
                outputs = self._machine.session_over()
        if job is not None and self._machine.job != job:
            outputs = [*(SendAudio(data) for data in self._ahead), *outputs]
            self._ahead.clear()
        await self._outlet.send(outputs)

    async def speak(self) -> None:
        """Speak job after job; an engine that fails ends the connection as a fault of the service does."""
        try:
            await self._speak()
        except SpeechwireError as error:
            _log.warning("connection %d: %s", self._record.index, error)
            async with self._turn:
                await self._outlet.send(self._machine.broken())
            await asyncio.Event().wait()

    async def _speak(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while (job := self._machine.job) is not None and not self._outlet.closed:
                await self._speak_job(*job)

    async def _speak_job(self, job_id: int, text: str) -> None:
        self._ahead.clear()
        self._synthesizer.set_speed(self._machine.speed)
        loop = asyncio.get_running_loop()
        start_s, sent_s = loop.time() + self._delivery.latency_s, 0.0
        await asyncio.sleep(self._delivery.latency_s)
        async with contextlib.aclosing(self._frames(text)) as frames:
            async for frame in frames:
                self._ahead.append(frame)
                if len(self._ahead) <= self._delivery.in_flight:
                    continue
                await self._pace(start_s + sent_s - loop.time())
                sent_s += self._seconds(frame) / (self._delivery.pace or 1.0)
                if not await self._send_one(job_id):
                    return
        while self._ahead:
            if not await self._send_one(job_id):
                return
        await self._pace(start_s + sent_s - loop.time())
        async with self._turn:
            await self._outlet.send(self._machine.job_done(job_id))

    async def _pace(self, wait_s: float) -> None:
        # Yield to the loop even without a pace, so that a Clear is read while audio is made.
        await asyncio.sleep(max(wait_s, 0.0) if self._delivery.pace else 0.0)

    async def _send_one(self, job_id: int) -> bool:
        async with self._turn:
            if self._machine.job is None or self._machine.job[0] != job_id or not self._ahead:
                return False
            frame = self._ahead.popleft()
            await self._outlet.send(self._machine.audio(job_id, frame))
            self._record.audio_s += self._seconds(frame)
            await self._outlet.strike(self._record.audio_s)
        return not self._outlet.closed

    def _seconds(self, frame: bytes) -> float:
        return len(frame) / self._sample_bytes / self._audio.sample_rate

    async def _frames(self, text: str) -> AsyncGenerator[bytes]:
        """Encode and cut into frames of the sizes asked for."""
        sizes, index, buffer = self._delivery.frame_bytes, 0, b""
        if not text:
            return
        async for pcm in self._synthesizer.speak(text):
            buffer += encode(pcm, self._audio.encoding)
            while len(buffer) >= (size := sizes[index % len(sizes)]):
                yield buffer[:size]
                buffer, index = buffer[size:], index + 1
        if buffer:
            yield buffer


async def drive_speak(
    machine: SpeakMachine,
    synthesizer: Synthesizer,
    inlet: Inlet,
    outlet: Outlet,
    record: Connection,
    timers: Timers,
    audio: AudioFormat,
    delivery: Delivery,
) -> None:
    """Serve one connection until it has ended."""
    driver = _SpeakDriver(machine, synthesizer, outlet, record, audio, delivery)
    speaking = asyncio.create_task(driver.speak())
    reading = asyncio.create_task(driver.read(inlet, timers))
    try:
        # An error while speaking must not wait for the client to hang up.
        done, _ = await asyncio.wait({speaking, reading}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (speaking, reading):
            task.cancel()
        await asyncio.gather(speaking, reading, return_exceptions=True)
