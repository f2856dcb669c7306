"""The loop of a story, and the two ways of standing in a caller's way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any

from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import SpeechwireError
from speechwire.transport import ConnectRequest, MemoryTransport, WebSocket

__all__ = ["Busy", "CrashingTransport", "StoryLoop", "cancelled_at"]

_MOST_LOOKS = 500_000


class Busy(AssertionError):
    """The loop goes round without time passing."""


class StoryLoop(VirtualTimeLoop):
    """Virtual time that notices when it stands still."""

    def __init__(self) -> None:
        self._looks = 0
        super().__init__()

    def time(self) -> float:
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            raise Busy(f"time stands at {self._now:.3f} s")
        return self._now

    def advance(self, seconds: float) -> None:
        if seconds > 0:
            self._looks = 0
        super().advance(seconds)


class _Counted:
    """Runs a coroutine and has its task cancelled at the n-th await."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int) -> None:
        self._coroutine, self._at = coroutine, at

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._coroutine.__await__()
        value: Any = None
        for count in range(1, 1 << 30):
            try:
                waited_for = steps.send(value)
            except StopIteration as end:
                return end.value
            if count == self._at:
                task.get_loop().call_soon(task.cancel)
            try:
                value = yield waited_for
            except BaseException as error:
                return (yield from _thrown(steps, error))
        raise AssertionError("unreachable")


def _thrown(steps: Generator[Any, Any, Any], error: BaseException) -> Generator[Any, Any, Any]:
    """Let it have the exception, and go on if it takes it."""
    try:
        waited_for = steps.throw(error)
    except StopIteration as end:
        return end.value
    value = yield waited_for
    while True:
        try:
            waited_for = steps.send(value)
        except StopIteration as end:
            return end.value
        value = yield waited_for


async def cancelled_at(coroutine: Coroutine[Any, Any, Any], at: int) -> Any:
    """Run it; when it waits for the ``at``-th time, cancel the task that runs it. 0: never."""
    if not at:
        return await coroutine
    return await _Counted(coroutine, at)


class CrashingTransport:
    """A memory transport whose connections raise what no transport should, where a story says so."""

    def __init__(self, inner: MemoryTransport, crashed: set[int], crash_upgrades: set[int]) -> None:
        self._inner, self._crashed, self._crash_upgrades = inner, crashed, crash_upgrades

    async def connect(self, request: ConnectRequest) -> WebSocket:
        number = len(self._inner.peers)
        if number in self._crash_upgrades:
            with suppress(SpeechwireError):
                (await self._inner.connect(request)).abort()
            raise RuntimeError("the transport has a bug")
        return _CrashingWebSocket(await self._inner.connect(request), number, self._crashed)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CrashingWebSocket:
    def __init__(self, inner: WebSocket, number: int, crashed: set[int]) -> None:
        self._inner, self._number, self._crashed = inner, number, crashed

    @property
    def request_id(self) -> str | None:
        return self._inner.request_id

    @property
    def ready(self) -> bool:
        return self._inner.ready

    async def send(self, frame: str | bytes) -> None:
        self._maybe_raise()
        await self._inner.send(frame)

    def send_now(self, frame: bytes) -> None:
        self._maybe_raise()
        self._inner.send_now(frame)

    async def receive(self) -> Any:
        frame = await self._inner.receive()
        self._maybe_raise()
        return frame

    async def receive_each(self, take: Any) -> Any:
        end = await self._inner.receive_each(take)
        self._maybe_raise()
        return end

    async def ping(self) -> None:
        self._maybe_raise()
        await self._inner.ping()

    async def aclose(self, code: int = 1000) -> None:
        await self._inner.aclose(code)

    def abort(self) -> None:
        self._inner.abort()

    def _maybe_raise(self) -> None:
        if self._number in self._crashed:
            raise ValueError("the transport has a bug")
