"""A worker process is paused (SIGSTOP) for longer than its lease, and goes on as if nothing had been."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")

from tests.cluster.conftest import RedisServer
from tests.cluster.quota_workers import LEASE_S, Worker, until

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="wants POSIX signals")

LIMIT = 20
RESERVED = 5


class Process:
    """The other worker."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def write(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    async def read(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            return (await self.process.stdout.readline()).decode().strip()

    async def ask(self, command: str) -> int:
        self.write(command)
        return int(await self.read())


@asynccontextmanager
async def process(redis_server: RedisServer) -> AsyncIterator[Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.cluster.paused_worker", str(redis_server.port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])},
    )
    worker = Process(started)
    try:
        assert await worker.read() == "ready"
        yield worker
    finally:
        started.send_signal(signal.SIGCONT)
        started.kill()
        await started.wait()


async def test_what_was_paused_opens_nothing_on_a_lease_that_expired(redis_server: RedisServer) -> None:
    """Its connections stay, and they alone are above the limit; it opens none on places that others have."""
    other = Worker(redis_server.client())
    async with process(redis_server) as paused, other.quota:
        assert await paused.ask("connect 12") == 12
        leased = await paused.ask("state")
        assert leased >= 12
        paused.signal(signal.SIGSTOP)
        # Redis forgets the lease, and the other worker gets all but the reserve.
        await until(lambda: other.quota.state().leased_by_all < leased)
        assert await other.connect_all(LIMIT) == LIMIT - RESERVED
        paused.write(f"now {LIMIT}")  # lies in its pipe while it sleeps
        await asyncio.sleep(LEASE_S)
        paused.signal(signal.SIGCONT)
        assert int(await paused.read()) == 0
        assert await paused.ask(f"connect {LIMIT}") == 12  # and none after it has renewed
        for _ in range(LIMIT - RESERVED):
            other.disconnect()
        assert await paused.ask("connect 3") == 15
