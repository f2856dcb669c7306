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
_GONE: Final = (OSError, RuntimeError)  # uvloop raises RuntimeError for a closed pipe


class StartFailed(Exception):
    """A worker ended, or did not become ready in time."""


class Worker:
    """A process that serves one listening socket.

    Args:
        command: The worker's command line after the interpreter.
        environment: Its environment variables.
        listening: Its listening socket. The supervisor keeps it open too, so that callers wait in the
            socket's queue, and are not refused, while no worker serves it.

    Attributes:
        url: The URL at which it takes calls; empty before it does.
        started_at: When the process was started, by the event loop's clock.
        last: The latest report; ``None`` before the first.
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
        """The process id; 0 before the process was started."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process, and wait until it takes calls.

        Raises:
            StartFailed: The process ended, or was not ready in time; it has been killed.
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
            # A Ctrl-C at the terminal must reach only the supervisor, which passes it on once.
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
        """Ask for a report; return ``None`` when the worker does not answer or has not started."""
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
        """Tell the worker to take no more calls and finish those it has."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(*_GONE):
                self._process.stdin.write(RETIRE)

    def signal(self, number: int) -> None:
        """Send the process a signal, if it is running."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process."""
        self.signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for the end of the process; return its exit code. :attr:`last` is then its last report."""
        assert self._process is not None
        code = await self._process.wait()
        async with self._asking:
            with suppress(msgspec.DecodeError, *_GONE):
                while True:  # the end of the pipe raises DecodeError
                    self.last = await self._read(Report)
        return code

    async def _read(self, kind: type[MessageT]) -> MessageT:
        assert self._process is not None and self._process.stdout is not None
        return msgspec.json.decode(await self._process.stdout.readline(), type=kind)
