"""Workers behind one port, as real processes, and how to see that they were replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.server.test_drain import Process, served

WAIT_S = 60.0


class Workers:
    """What the supervisor says of its workers."""

    def __init__(self, process: Process, admin_url: str) -> None:
        self.process = process
        self.admin_url = admin_url

    async def rows(self) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin_url}/workers") as answer:
            rows: list[dict[str, Any]] = await answer.json()
            return rows

    async def pids(self) -> set[int]:
        return {row["pid"] for row in await self.rows()}

    async def metric(self, name: str) -> float:
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin_url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[-1])


@asynccontextmanager
async def workers(tmp_path: Path, count: int, *options: str) -> AsyncIterator[Workers]:
    async with served(tmp_path, "--workers", str(count), *options) as process:
        stdout = process.process.stdout
        assert stdout is not None
        async with asyncio.timeout(WAIT_S):
            while not (line := (await stdout.readline()).decode()).startswith("  workers"):
                assert line, process.log.read_text()
        yield Workers(process, line.split()[2].removesuffix("/workers,"))


async def reached(url: str) -> str:
    """A new connection is answered; which one of the workers does it is the kernel's choice."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        body: dict[str, Any] = await answer.json()
        return f"{answer.status} {body['status']}"


async def until_pids_are_new(group: Workers, old: set[int]) -> None:
    async with asyncio.timeout(WAIT_S):
        while old & await group.pids():
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
