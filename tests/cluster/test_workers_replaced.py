"""A worker is replaced or drains under calls: nobody is refused, and what it counted stays counted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.cluster.worker_processes import WAIT_S, reached, until_pids_are_new, workers
from tests.server.callers import Twilio
from tests.server.content import spoken
from tests.server.serving import dial
from tests.server.test_drain import refused

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="wants POSIX signals")


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


GET = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def answer_to(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
    """The status line; empty if the connection was closed without any."""
    reader, writer = connection
    with contextlib.suppress(ConnectionError):
        writer.write(GET)
        async with asyncio.timeout(WAIT_S):
            line = await reader.readline()
        writer.close()
        return line.strip()
    return b""


async def test_who_had_connected_before_a_replacement_is_served_by_the_old_worker(tmp_path: Path) -> None:
    async with workers(tmp_path, 2, "--handshake-s", "60") as group:
        old = await group.pids()
        address = group.process.url.removeprefix("http://").split(":")
        early = [await asyncio.open_connection(*address) for _ in range(8)]
        group.process.signal(signal.SIGHUP)
        async with asyncio.timeout(WAIT_S):
            while len(await group.pids() - old) < 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)  # the old ones have been told, and listen no more
        assert {await answer_to(connection) for connection in early} == {b"HTTP/1.1 200 OK"}
        await until_pids_are_new(group, old)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
async def test_what_was_counted_stays_counted_when_a_worker_ends(tmp_path: Path, number: int) -> None:
    async with workers(tmp_path, 2) as group:
        old = await group.pids()
        for _ in range(4):
            async with dial(group.process.url, Twilio()) as call:
                await call.say(spoken([1]), pace=0.01)
                await call.hang_up()
        counted = await group.metric("speechwire_caller_audio_seconds_total")
        assert counted > 0
        if number == signal.SIGKILL:
            for pid in old:
                os.kill(pid, signal.SIGKILL)
        else:
            group.process.signal(number)
        await until_pids_are_new(group, old)
        assert await group.metric("speechwire_caller_audio_seconds_total") == counted


async def test_sigterm_refuses_callers_at_every_worker_and_a_sighup_then_changes_nothing(
    tmp_path: Path,
) -> None:
    async with workers(tmp_path, 2, "--drain-s", "60") as group:
        async with dial(group.process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            group.process.signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                while {row["phase"] for row in await group.rows()} != {"draining"}:
                    await asyncio.sleep(0.05)  # the other one, which has no call, ends
            for _ in range(10):
                assert await reached(group.process.url) == "503 draining"
                assert (await refused(group.process.url)).status == 503
            group.process.signal(signal.SIGHUP)
            await asyncio.sleep(0.5)
            await call.say(spoken([2]), pace=0.01)
            await call.hang_up()
            assert call.ws.close_code == 1000
        assert await group.process.ended() == 0


async def test_a_worker_that_drains_is_still_counted(tmp_path: Path) -> None:
    async with workers(tmp_path, 2, "--drain-s", "60") as group:
        old = await group.pids()
        async with dial(group.process.url, Twilio()) as call:
            await call.say(spoken([1]), pace=0.01)
            group.process.signal(signal.SIGHUP)
            async with asyncio.timeout(WAIT_S):
                while [row["phase"] for row in await group.rows() if row["calls"]] != ["draining"]:
                    await asyncio.sleep(0.05)
            assert await group.metric("speechwire_calls") == 1
            await call.hang_up()
        await until_pids_are_new(group, old)


async def test_callers_of_a_worker_that_cannot_start_go_to_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (tmp_path / "fragile.py").write_text(
        f"import pathlib\nassert not pathlib.Path({str(broken)!r}).exists()\n"
        "async def answer(call):\n    async for turn in call.turns():\n        pass\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        async with workers(tmp_path, 2, "fragile:answer") as group:
            broken.touch()
            killed = min(await group.pids())
            os.kill(killed, signal.SIGKILL)
            log = group.process.log
            async with asyncio.timeout(WAIT_S):
                while log.read_text().count("did not start") < 2:
                    await asyncio.sleep(0.05)
            assert "AssertionError" in log.read_text() and "a defect of" not in log.read_text()
            async with asyncio.timeout(WAIT_S):
                answers = {await reached(group.process.url) for _ in range(20)}
            assert answers == {"200 serving"}
            broken.unlink()
            async with asyncio.timeout(WAIT_S):
                while await group.metric("speechwire_workers") < 2:
                    await asyncio.sleep(0.05)
