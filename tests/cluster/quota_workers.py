"""Workers that share one quota, and a Redis that can be cut off from one of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
from benches.python.storm.parts import OpenSocket
from redis.asyncio import Redis
from tests.cluster.conftest import RedisServer

from speechwire.cluster import SharedQuota
from speechwire.session import BackoffPolicy, ConnectionLimiter

LEASE_S = 0.6
WAIT_S = 20.0


class Worker:
    """One process's limiter and lease, in this process."""

    def __init__(self, redis: Redis, *, limit: int = 20, workers: int = 2, **options: Any) -> None:
        self.limiter = ConnectionLimiter(policy=BackoffPolicy(throttled_base_s=1.0))
        options = {"name": "eu/flux", "block": 4, "lease_s": LEASE_S, **options}
        self.quota = SharedQuota(redis, self.limiter, limit=limit, workers=workers, **options)
        self.open: list[Any] = []

    async def connect(self) -> None:
        await self.limiter.admit()
        self.open.append(self.limiter.opened(OpenSocket()))

    def disconnect(self) -> None:
        self.open.pop().abort()

    async def connect_all(self, count: int) -> int:
        """Connect so often, or until nobody is let in for some leases; returns how many are open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3 * LEASE_S):
                for _ in range(count):
                    await self.connect()
        return len(self.open)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def workers(server: RedisServer, count: int, **options: Any) -> AsyncIterator[list[Worker]]:
    made = [Worker(server.client(), workers=count, **options) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for worker in made:
            await stack.enter_async_context(worker.quota)
        yield made


class Swallowing:
    """A Redis whose calls are answered when they are cancelled."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def register_script(self, _: str) -> Callable[..., Any]:
        return self._answer

    async def _answer(self, **_: Any) -> list[int]:
        self.asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(LEASE_S / 10)
        return [4, 4, 0]


async def stop(worker: Worker) -> None:
    """It asks for nothing any more, as a process that is stopped."""
    task = worker.quota._task
    assert task is not None
    task.cancel()
    await asyncio.wait([task])


def again(worker: Worker) -> None:
    worker.quota._task = asyncio.create_task(worker.quota._keep())


class Partition:
    """A path to Redis that can be cut: bytes are neither passed on nor refused."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._open = asyncio.Event()
        self._answers = asyncio.Event()
        self.mend()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.mend()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._open.clear()

    def cut_answers(self) -> None:
        """Redis is told, and does what it is told."""
        self._answers.clear()

    def mend(self) -> None:
        self._open.set()
        self._answers.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        ways = ((reader, back, (self._open,)), (there, writer, (self._open, self._answers)))
        for source, sink, gates in ways:
            self._tasks.add(asyncio.create_task(self._forward(source, sink, gates)))

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gates: tuple[asyncio.Event, ...]
    ) -> None:
        try:
            while data := await source.read(65_536):
                for gate in gates:
                    await gate.wait()
                sink.write(data)
        finally:
            sink.close()
