"""Workers behind one port, as real processes: replaced, killed and ended under calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.server.callers import Twilio
from tests.server.content import spoken
from tests.server.serving import dial
from tests.server.test_drain import Process, served

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="wants POSIX signals")

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


async def test_workers_share_a_port_and_their_numbers_are_summed(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        assert len(await group.pids()) == 2
        async with dial(group.process.url, Twilio()) as one, dial(group.process.url, Twilio()) as other:
            await one.say(spoken([1]), pace=0.01)
            await other.say(spoken([2]), pace=0.01)
            assert await group.metric("speechwire_calls") == 2
            assert sum(row["calls"] for row in await group.rows()) == 2
            assert await group.metric("speechwire_workers") == 2
            assert await group.metric("speechwire_places") == 150


async def test_all_are_replaced_and_no_caller_is_refused(tmp_path: Path) -> None:
    async with workers(tmp_path, 2, "--drain-s", "60") as group:
        old = await group.pids()
        async with dial(group.process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            group.process.signal(signal.SIGHUP)
            answers = set()
            while len(old & await group.pids()) > 1:
                answers.add(await reached(group.process.url))
            assert answers == {"200 serving"}
            await call.say(spoken([2]), pace=0.01)  # the old worker finishes its call
            await call.hang_up()
            assert call.ws.close_code == 1000
        await until_pids_are_new(group, old)
        assert await group.metric("speechwire_workers") == 2
        assert await group.metric("speechwire_worker_restarts_total") == 0


async def test_a_killed_worker_is_started_again_and_no_caller_is_refused(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        old = await group.pids()
        killed = min(old)
        os.kill(killed, signal.SIGKILL)
        answers = {await reached(group.process.url) for _ in range(30)}
        assert answers == {"200 serving"}
        await until_pids_are_new(group, {killed})
        async with asyncio.timeout(WAIT_S):
            while await group.metric("speechwire_workers") < 2:
                await asyncio.sleep(0.05)
        assert await group.metric("speechwire_worker_restarts_total") == 1


async def test_sigterm_ends_all_after_their_calls(tmp_path: Path) -> None:
    async with workers(tmp_path, 2, "--drain-s", "60") as group:
        pids = await group.pids()
        async with dial(group.process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            group.process.signal(signal.SIGTERM)
            await call.say(spoken([2]), pace=0.01)
            await call.hang_up()
            assert call.ws.close_code == 1000
        assert await group.process.ended() == 0
        assert not any(map(is_alive, pids))


async def test_ctrl_c_ends_all_at_once(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        async with dial(group.process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            group.process.signal(signal.SIGINT)
            assert await call.ended() == 1001
        assert await group.process.ended() == 130


async def test_workers_end_without_their_supervisor(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        pids = await group.pids()
        group.process.signal(signal.SIGKILL)
        async with asyncio.timeout(WAIT_S):
            while any(map(is_alive, pids)):
                await asyncio.sleep(0.05)


async def test_workers_that_do_not_start_end_the_command_with_a_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "speechwire", "serve", "nothing.here:answer", "--workers", "2", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "DEEPGRAM_API_KEY": "key", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    async with asyncio.timeout(WAIT_S):
        _, words = await process.communicate()
    assert process.returncode == 1
    assert b"did not start" in words and b"Traceback" not in words
