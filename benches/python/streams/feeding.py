"""Ways into a client: a call, or a coroutine that is given its frames in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

__all__ = ["CoroutineFeed", "nothing", "nothing_awaited"]

Process = Callable[[bytes], Coroutine[Any, Any, Any]]


class CoroutineFeed:
    """Calls a coroutine function for each frame, and runs it at once as far as it goes without waiting.

    A client that never waits costs a call; one that does gets a task for the rest, and frames that come
    meanwhile wait their turn. A task and a queue per stream, as frameworks have, would add its cost to both.

    Args:
        process: Takes one frame.
        context: Runs in this context.
    """

    def __init__(self, process: Process, context: Context) -> None:
        self._process = process
        self._context = context
        self._backlog: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        """Frames waiting."""
        return len(self._backlog)

    def __call__(self, frame: bytes) -> None:
        if self._task is not None:
            self._backlog.append(frame)
            return
        coroutine = self._process(frame)
        try:
            waited = self._context.run(coroutine.send, None)
        except StopIteration:
            return
        rest = self._finish(coroutine, waited)
        self._task = asyncio.get_running_loop().create_task(rest, context=self._context)

    async def _finish(self, coroutine: Coroutine[Any, Any, Any], waited: Any) -> None:
        await _Begun(coroutine, waited)
        while self._backlog:
            await self._process(self._backlog.popleft())
        self._task = None


class _Begun:
    """A coroutine that has already been run up to its first wait."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waited: Any) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, None]:
        waited = self._waited
        try:
            while True:
                try:
                    value = yield waited
                except BaseException as error:
                    waited = self._coroutine.throw(error)
                else:
                    waited = self._coroutine.send(value)
        except StopIteration:
            return


def nothing(frame: bytes) -> None:
    """What pacing costs by itself."""


async def nothing_awaited(frame: bytes) -> None:
    """What pacing costs by itself, for a coroutine."""
