"""Handles each item as it comes, without a task switch if the handler does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, TypeVar

__all__ = ["for_each"]

T = TypeVar("T")


async def for_each(
    receive_each: Callable[[Callable[[T], bool]], Awaitable[bool]],
    work: Callable[[T], Coroutine[Any, Any, None]],
) -> None:
    """Await ``work(item)`` for every item, in order.

    The work is begun in the call that brings the item, as part of this task: `asyncio.current_task` is this
    task, and the context one copy of this task's for all of the work. Only where it waits is there a task
    switch: this task then finishes it before it takes the next item. What the work raises is raised here.

    Args:
        receive_each: Gives items to what it is called with until that returns false. Returns true at the
            end.
        work: Makes the coroutine for an item.
    """
    step = _FirstStep()
    ended = False
    while not ended:
        try:
            ended = await receive_each(lambda item: step.run(work(item)))
        except BaseException as error:
            await step.finish(error)
            raise
        await step.finish()


class _FirstStep:
    """Coroutines of the running task, each run up to its first wait wherever that is asked for."""

    __slots__ = ("_context", "_coroutine", "_error", "_loop", "_task", "_waits_for")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._context = copy_context()
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._waits_for: Any = None
        self._error: BaseException | None = None

    def run(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine up to its first wait; whether it has ended. If not, :meth:`finish` is due."""
        task, loop = self._task, self._loop
        running = asyncio.current_task(loop)
        if running is not task:
            _exchange(loop, running, task)
        try:
            self._waits_for = self._context.run(coroutine.send, None)
        except StopIteration:
            return True
        except BaseException as error:  # the task's to raise
            self._error = error
            return False
        finally:
            if running is not task:
                _exchange(loop, task, running)
        self._coroutine = coroutine
        return False

    async def finish(self, error: BaseException | None = None) -> None:
        """Go on with a coroutine that waits, if there is one; ``error`` is raised where it waits."""
        raised, self._error = self._error, None
        coroutine, self._coroutine = self._coroutine, None
        if raised is not None:
            raise raised
        if coroutine is not None:
            await _Rest(self._context, coroutine, self._waits_for, error)


class _Rest:
    """What is left of a coroutine that has begun."""

    __slots__ = ("_context", "_coroutine", "_error", "_waits_for")

    def __init__(self, context: Any, coroutine: Any, waits_for: Any, error: BaseException | None) -> None:
        self._context = context
        self._coroutine = coroutine
        self._waits_for = waits_for
        self._error = error

    def __await__(self) -> Generator[Any, Any, None]:
        run, coroutine = self._context.run, self._coroutine
        try:
            waits_for = self._waits_for if self._error is None else run(coroutine.throw, self._error)
            while True:
                try:
                    value = yield waits_for
                except BaseException as error:
                    waits_for = run(coroutine.throw, error)
                else:
                    waits_for = run(coroutine.send, value)
        except StopIteration:
            return


def _exchange(
    loop: asyncio.AbstractEventLoop, old: asyncio.Task[Any] | None, new: asyncio.Task[Any] | None
) -> None:
    """Make another task the current one (asyncio docs, "Extending", "Task lifetime support")."""
    if old is not None:
        asyncio.tasks._leave_task(loop, old)
    if new is not None:
        asyncio.tasks._enter_task(loop, new)
