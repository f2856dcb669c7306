"""Calls that may block for ever, such as reading a pipe, kept away from an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import Self, TypeVar, cast

__all__ = ["Background", "in_thread"]

_PATIENCE_S = 0.2

T = TypeVar("T")


def in_thread(function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
    """Call in a thread of its own, which keeps nobody from leaving: not Ctrl-C, not the end of the process.

    ``asyncio.to_thread`` would: its pool waits for its threads. When the future is cancelled the call goes
    on, and what becomes of it is forgotten.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(value)  # type: ignore[arg-type]

    def call() -> None:
        value, failure = None, None
        try:
            value = function(*arguments)
        except BaseException as error:
            failure = error
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=call, daemon=True).start()
    return outcome


class Background:
    """Context managers whose steps may block for ever, entered and used in threads, one step at a time.

    On leaving they are closed. A step that still blocks then, as at a pipe, closes them when it comes to its
    end.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._step: asyncio.Future[object] | None = None
        self._lock = threading.Lock()
        self._is_busy = self._is_left = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._step is not None:
                await asyncio.wait({self._step}, timeout=_PATIENCE_S)
        finally:  # the task may be cancelled while it leaves
            with self._lock:
                self._is_left = True
                is_busy = self._is_busy
            if not is_busy:
                self._stack.__exit__(kind, error, trace)

    async def enter(self, context: AbstractContextManager[T]) -> T:
        """Enter a context manager; raises what it raises."""
        return await self.call(self._stack.enter_context, context)

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call, and raise what is raised."""
        self._is_busy = True
        step: asyncio.Future[T] = in_thread(self._call, function, arguments)
        self._step = cast("asyncio.Future[object]", step)
        await asyncio.wait({step})
        self._step = None
        return step.result()

    def _call(self, function: Callable[..., T], arguments: tuple[object, ...]) -> T:
        try:
            return function(*arguments)
        finally:
            with self._lock:
                self._is_busy = False
                is_left = self._is_left
            if is_left:
                self._stack.close()
