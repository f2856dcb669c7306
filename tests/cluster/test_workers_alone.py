"""What stands above the workers, without processes."""

from __future__ import annotations

import asyncio
import signal
from typing import cast

import pytest

pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")


from tests.cluster.worker_processes import WAIT_S

from speechwire.cli._serve_signals import Signals
from speechwire.cli._serve_workers import _replace
from speechwire.errors import InvalidArgument
from speechwire.server.workers import Supervisor
from speechwire.server.workers._sums import counted

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="wants POSIX signals")


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
