"""A real Redis on loopback, started for each test and stopped after it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from redis.asyncio import Redis

_SERVER = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """A ``redis-server`` that can be paused, killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._folder = folder
        self._process: Process | None = None
        self._clients: list[Redis] = []

    async def start(self) -> None:
        assert _SERVER is not None
        arguments = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = await asyncio.create_subprocess_exec(
            _SERVER, *arguments, cwd=self._folder, stdout=DEVNULL, stderr=DEVNULL
        )
        client = self.client()
        for _ in range(500):
            try:
                await client.ping()
                return
            except Exception:
                await asyncio.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self.resume()
            self._process.kill()
        await self._process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self, port: int = 0, **options: Any) -> Redis:
        from redis.asyncio import Redis  # noqa: PLC0415  # an extra, without which these tests are skipped

        client = Redis(host="127.0.0.1", port=port or self.port, **options)
        self._clients.append(client)
        return client

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.kill()


@pytest.fixture
async def redis_server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    if _SERVER is None:
        pytest.skip("wants redis-server (Debian: apt install redis-server)")
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.aclose()
