"""The service's process: started, asked for its counts, ended."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Self

__all__ = ["Service"]

_ANSWER_S = 30.0
_END_S = 15.0


class Service:
    """An async context manager around ``benches.python.soak.server``."""

    def __init__(self, streams: int, kill_every_s: float, seed: int) -> None:
        numbers = {"--streams": streams, "--kill-every-s": kill_every_s, "--seed": seed}
        self._arguments = [text for name, value in numbers.items() for text in (name, str(value))]
        self._process: Process | None = None
        self.base_url = ""

    async def __aenter__(self) -> Self:
        command = (sys.executable, "-m", "benches.python.soak.server", *self._arguments)
        # In a session of its own, so that ctrl-C ends the streams first.
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        self.base_url = await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def counts(self) -> dict[str, Any]:
        """What the service has seen so far."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(b"\n")
        counts: dict[str, Any] = json.loads(await self._line())
        return counts

    async def _line(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_S)
        if not line:
            raise RuntimeError(f"the service has ended, with {await self._process.wait()}")
        return line.decode().strip()
