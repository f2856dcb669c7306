"""Workers behind one port, as real processes: replaced, killed and ended under calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.cluster.worker_processes import WAIT_S, is_alive, reached, until_pids_are_new, workers
from tests.server.callers import Twilio
from tests.server.content import spoken
from tests.server.serving import dial

from speechwire.server.workers import Supervisor

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="wants POSIX signals")


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


async def test_a_second_server_does_not_take_a_part_of_the_callers(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        port = int(group.process.url.rpartition(":")[2])
        second = Supervisor(("-c", ""), {}, count=2, port=port)
        with pytest.raises(OSError, match="in use"):
            await second.__aenter__()
