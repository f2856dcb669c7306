"""A recognition process as the engine sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from speechwire.emulator.engine import Heard
from speechwire.emulator.offline._wire import HEADER, Answer, Request, pack, unpack
from speechwire.errors import EngineUnavailable, SpeechwireError

__all__ = ["RecognitionProcess"]


class RecognitionProcess:
    """Runs requests in order; several streams may wait at once."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self.streams = 0

    async def start(self) -> None:
        """Start it and load the models.

        Raises:
            EngineUnavailable: pocketsphinx is not installed, or the process does not run.
        """
        command = (sys.executable, "-m", "speechwire.emulator.offline._worker")
        pipe = asyncio.subprocess.PIPE
        # A session of its own: Ctrl-C in a shell is for the engine, which ends this process.
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=_environment(), start_new_session=True
        )
        self._reader = asyncio.create_task(self._read_answers())
        try:
            await self.ask(Request("warm"))
        except SpeechwireError as error:
            raise EngineUnavailable(str(error)) from error

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._reader is not None and not self._reader.done()

    async def ask(self, request: Request) -> Sequence[Heard]:
        """Run one request.

        Raises:
            SpeechwireError: It failed, or the process has ended.
        """
        process = self._process
        if process is None or process.stdin is None or not self.alive:
            raise SpeechwireError("the recognition process has ended; its own message is on standard error")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        process.stdin.write(pack(request))
        result = await answer
        if result.error:
            raise SpeechwireError(f"recognition failed: {result.error}")
        return result.heard

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read_answers(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        stdout = self._process.stdout
        try:
            while True:
                size = HEADER.unpack(await stdout.readexactly(HEADER.size))[0]
                answer = unpack(await stdout.readexactly(size))
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(answer)
        except asyncio.IncompleteReadError:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(Answer(error="the recognition process has ended"))


def _environment() -> dict[str, str]:
    # The package may have been found by other means than the environment.
    own = str(Path(__file__).parents[3])
    paths = [own, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
