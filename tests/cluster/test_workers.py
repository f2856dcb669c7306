"""Workers behind one port, as real processes: replaced, killed and ended under calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")

from tests.server.callers import Twilio
from tests.server.content import spoken
from tests.server.serving import dial
from tests.server.test_drain import Process, refused, served

from speechwire.cli._serve_signals import Signals
from speechwire.cli._serve_workers import _replace
from speechwire.errors import InvalidArgument
from speechwire.server.workers import Supervisor
from speechwire.server.workers._sums import counted

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


async def test_a_second_server_does_not_take_a_part_of_the_callers(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as group:
        port = int(group.process.url.rpartition(":")[2])
        second = Supervisor(("-c", ""), {}, count=2, port=port)
        with pytest.raises(OSError, match="in use"):
            await second.__aenter__()


@pytest.mark.parametrize("count", [0, -1, 999])
def test_a_number_of_workers_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(InvalidArgument, match="workers"):
        Supervisor((), {}, count=count)


def test_only_what_counts_is_kept_of_a_worker_that_has_ended() -> None:
    ended = """# TYPE calls gauge
calls 3.0
# TYPE accepted_total counter
accepted_total{dialect="twilio"} 5.0
# TYPE lag histogram
lag_bucket{le="1.0"} 1.0
lag_bucket{le="+Inf"} 2.0
lag_count 2.0
lag_sum 4.0
"""
    kept = counted((counted((ended,)), ended))
    assert 'accepted_total{dialect="twilio"} 10.0' in kept and 'lag_bucket{le="+Inf"} 4.0' in kept
    assert "lag_sum 8.0" in kept and "calls" not in kept


class StuckSupervisor:
    """Its workers take for ever to start."""

    def __init__(self) -> None:
        self.asked = 0

    async def replace_all(self) -> None:
        self.asked += 1
        await asyncio.Event().wait()


class SignalsInARow:
    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    async def first(self) -> int:
        await asyncio.sleep(0)
        return self._numbers.pop(0)


async def test_sigterm_does_not_wait_for_a_replacement() -> None:
    supervisor = StuckSupervisor()
    signals = SignalsInARow(*[signal.SIGHUP] * 10, signal.SIGTERM)
    replacing: set[asyncio.Task[None]] = set()
    async with asyncio.timeout(WAIT_S):
        number = await _replace(cast(Supervisor, supervisor), cast(Signals, signals), replacing)
    assert number == signal.SIGTERM
    assert supervisor.asked == 2  # one that runs, and one for all who asked since
    for task in replacing:
        task.cancel()


class WorkerToBe:
    """It has no process before a test lets it, and lives until a signal."""

    may_start: asyncio.Event
    waiting: asyncio.Event

    def __init__(self, *_: object) -> None:
        self.pid, self.url, self.started_at, self.last = 0, "http://127.0.0.1:1", 0.0, None
        self._signalled = asyncio.Event()

    async def start(self) -> None:
        self.waiting.set()
        await self.may_start.wait()
        self.pid = 1

    async def ended(self) -> int:
        assert self.pid, "it has no process yet"
        await self._signalled.wait()
        return 0

    def signal(self, number: int) -> None:
        if self.pid:
            self._signalled.set()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    retire = kill


async def test_the_end_waits_for_a_worker_that_has_no_process_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechwire.server.workers.supervisor.Worker", WorkerToBe)
    monkeypatch.setattr(WorkerToBe, "may_start", asyncio.Event(), raising=False)
    monkeypatch.setattr(WorkerToBe, "waiting", asyncio.Event(), raising=False)
    WorkerToBe.may_start.set()
    async with asyncio.timeout(WAIT_S), Supervisor((), {}, count=2, port=0) as supervisor:
        WorkerToBe.may_start.clear()
        WorkerToBe.waiting.clear()
        replacing = asyncio.create_task(supervisor.replace_all())
        await WorkerToBe.waiting.wait()
        supervisor.signal(signal.SIGTERM)
        ending = asyncio.create_task(supervisor.ended())
        await asyncio.sleep(0.01)
        assert not ending.done()
        WorkerToBe.may_start.set()
        await asyncio.gather(replacing, ending)
        assert supervisor.workers == []
