"""The supervisor's side: one worker process."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

from speechwire.server.workers._messages import ASK, FD_VARIABLE, RETIRE, Ready, Report

__all__ = ["StartFailed", "Worker"]

MessageT = TypeVar("MessageT", Ready, Report)

_READY_S: Final = 60.0
_REPORT_S: Final = 2.0
_LINE_BYTES: Final = 1 << 20
_GONE: Final = (OSError, RuntimeError)  # uvloop raises the second for a closed pipe


class StartFailed(Exception):
    """A worker ended, or said nothing, before it took calls."""


class Worker:
    """A process that serves one listening socket.

    Args:
        command: Of the worker, after the interpreter.
        environment: Its variables.
        listening: Its socket. The supervisor keeps it open too, so callers wait in its queue while nobody
            serves it, and are not refused.

    Attributes:
        url: Where it takes calls; empty before it does.
        started_at: By the event loop's clock.
        last: The report that came last.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], listening: socket.socket
    ) -> None:
        self._command = command
        self._environment = environment
        self._listening = listening
        self._process: Process | None = None
        self._asking = asyncio.Lock()
        self.url = ""
        self.last: Report | None = None
        self.started_at = 0.0

    @property
    def pid(self) -> int:
        """Of the process; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process, and wait until it takes calls.

        Raises:
            StartFailed: It does not.
        """
        number = self._listening.fileno()
        self.started_at = asyncio.get_running_loop().time()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_BYTES,
            env={**self._environment, FD_VARIABLE: str(number)},
            pass_fds=(number,),
            # A Ctrl-C at the terminal is the supervisor's: it passes it on once.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_READY_S):
                self.url = (await self._read(Ready)).url
        except (TimeoutError, msgspec.DecodeError) as error:
            self.kill()
            code = await self._process.wait()
            raise StartFailed(f"worker {self.pid} did not start (exit code {code})") from error

    async def report(self) -> Report | None:
        """What it counts; ``None`` when it does not answer, or has not started yet."""
        process = self._process
        if process is None or process.returncode is not None or not self.url:
            return None
        assert process.stdin is not None
        try:
            async with self._asking, asyncio.timeout(_REPORT_S):
                process.stdin.write(ASK)
                await process.stdin.drain()
                self.last = await self._read(Report)
        except (*_GONE, TimeoutError, msgspec.DecodeError):
            return None
        return self.last

    def retire(self) -> None:
        """Another has taken its place: let it finish its calls, and take no more."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(*_GONE):
                self._process.stdin.write(RETIRE)

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it now."""
        self.signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for its end; returns the exit code. Then :attr:`last` has what it said last."""
        assert self._process is not None
        code = await self._process.wait()
        async with self._asking:
            with suppress(msgspec.DecodeError, *_GONE):
                while True:  # the end of the pipe is no report
                    self.last = await self._read(Report)
        return code

    async def _read(self, kind: type[MessageT]) -> MessageT:
        assert self._process is not None and self._process.stdout is not None
        return msgspec.json.decode(await self._process.stdout.readline(), type=kind)
