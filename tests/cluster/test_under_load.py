"""What callers notice when a part of the cluster fails: nothing with our own client, counted by tagged audio.

A telephone stream cannot be resumed. Its call ends with the worker it is on: the connection is closed, and
what was said and not yet understood is lost. All other calls lose nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
pytest.importorskip("prometheus_client", reason="wants the server: pip install 'speechwire[server]'")
from tests.cluster.machines import LIMIT, Cluster, cluster_of

from speechwire.client import Call, Caption, Disconnected, Ended, Resumed, connect
from speechwire.load import DIALECTS
from speechwire.load._wire import request
from speechwire.load.caller import Caller
from speechwire.load.ledger import Ledger, Script
from speechwire.session import BackoffPolicy

pytestmark = [
    pytest.mark.paced,
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="wants POSIX signals"),
    pytest.mark.timeout(300),
]

OWN, PHONES = 12, 8
TURN_MS = 8 * 240 + 1200
LEAST_TURNS, MOST_TURNS = 2, 30
FAULT_S = 4.0  # within the second turn
FRAME_MS = 80
SAMPLES = 16 * FRAME_MS
LIMIT_S = 120.0
IMPATIENT = BackoffPolicy(base_s=0.1, cap_s=1.0)

Figure = Callable[[str, str], None]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from cluster_of(tmp_path_factory.mktemp("cluster"))


@pytest.fixture
def cluster(machines: Cluster) -> Cluster:
    machines.wait_until_whole()
    return machines


@dataclass
class Own:
    """One of our own clients, and what it saw."""

    ledger: Ledger
    dropped_s: float = 0.0
    code: int = 0
    disconnected: int = 0
    sent_again_s: float = 0.0

    def take(self, event: object) -> None:
        if isinstance(event, Caption) and event.event == "EndOfTurn":
            self.ledger.turn_heard(event.transcript, asyncio.get_running_loop().time())
        elif isinstance(event, Disconnected):
            self.disconnected += 1
        elif isinstance(event, Resumed):
            self.sent_again_s += event.sent_again_s
        elif isinstance(event, Ended):
            self.dropped_s, self.code = event.dropped_s, event.code


@dataclass
class Row:
    """What came of a fault. Callers talk until it is `over`, and to the end of their turns."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    own: list[Own] = field(default_factory=list)
    phones: list[Caller] = field(default_factory=list)
    cut: list[Caller] = field(default_factory=list)

    def check(self) -> None:
        """Nothing is lost, and nothing comes twice, but what a telephone call loses that was cut."""
        for own in self.own:
            own.ledger.settle()
            assert (own.ledger.lost, own.ledger.twice, own.ledger.strange) == (0, 0, 0), own
            assert own.ledger.heard == own.ledger.words >= LEAST_TURNS * 8
            assert (own.dropped_s, own.code) == (0.0, 1000)
        for phone in self.phones:
            # Whatever was understood came in order, without a gap; only the end can be missing.
            assert (phone.ledger.lost, phone.ledger.twice, phone.ledger.strange) == (0, 0, 0), phone.ledger
            phone.ledger.settle()
            if phone not in self.cut:
                assert phone.ledger.lost == 0, phone.ledger

    def frames(self, frame_ms: int) -> Iterator[int]:
        """Numbers of frames, in whole turns."""
        for turn in range(MOST_TURNS):
            if turn >= LEAST_TURNS and self.over.is_set():
                return
            yield from range(turn * TURN_MS // frame_ms, (turn + 1) * TURN_MS // frame_ms)

    def said(self) -> str:
        heard = sum(own.ledger.heard for own in self.own)
        resumed = sum(own.disconnected > 0 for own in self.own)
        codes = sorted({phone.gone.result() for phone in self.cut})
        lost = sum(phone.ledger.lost for phone in self.cut)
        return (
            f"own clients: {len(self.own)}, of which {resumed} resumed: {heard} words said and understood,"
            f" 0 ms lost, 0 words twice. Telephones: {len(self.phones)}, of which {len(self.cut)} were cut"
            f" (close code {codes or 'none'}) and lost {lost} words ({lost * 240} ms)"
            f" of {sum(phone.ledger.words for phone in self.phones)}"
        )


async def talk(call: Call, own: Own, row: Row) -> None:
    """Say turns at real pace, and take what comes until the end."""
    collecting = asyncio.create_task(_collect(call, own))
    script, dialect, clock = Script(FRAME_MS, own.ledger.first), DIALECTS["socket"], Pace(FRAME_MS)
    for number in row.frames(FRAME_MS):
        call.push(dialect.frame(script.word(number))[-2 * SAMPLES :])
        if script.turn_ended(number):
            own.ledger.turn_said(asyncio.get_running_loop().time())
        await clock.next()
    call.finish()
    await collecting


class Pace:
    """Real time, in steps of a frame."""

    def __init__(self, frame_ms: int) -> None:
        self._step_s, self._loop = frame_ms / 1000, asyncio.get_running_loop()
        self._due_s = self._loop.time()

    async def next(self) -> None:
        self._due_s += self._step_s
        await asyncio.sleep(max(0.0, self._due_s - self._loop.time()))


async def _collect(call: Call, own: Own) -> None:
    async for event in call:
        own.take(event)


async def own_client(cluster: Cluster, index: int, row: Row) -> None:
    own = Own(Ledger(index * 13 % 100))
    row.own.append(own)
    async with connect(cluster.socket_url, policy=IMPATIENT, drain_timeout_s=30.0) as call:
        await talk(call, own, row)


async def telephone(cluster: Cluster, index: int, row: Row) -> None:
    dialect = DIALECTS["twilio"]
    caller = Caller(dialect, index, request(dialect.path, "127.0.0.1"))
    await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", cluster.port)
    await caller.on
    row.phones.append(caller)
    clock = Pace(dialect.frame_ms)
    for _ in row.frames(dialect.frame_ms):
        if caller.gone.done():
            row.cut.append(caller)
            caller.ledger.cut(caller.script.words_said(caller.frames))
            return
        caller.say()
        await clock.next()
    caller.hang_up()
    await caller.gone


@asynccontextmanager
async def under_load(cluster: Cluster) -> AsyncIterator[Row]:
    """Callers talk; the block is run in the middle of a turn; the end is waited for."""
    row = Row()
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for index in range(OWN):
            group.create_task(own_client(cluster, index, row))
        for index in range(PHONES):
            group.create_task(telephone(cluster, index, row))
        await asyncio.sleep(FAULT_S)
        yield row
        row.over.set()
    row.check()


async def test_a_worker_is_killed(cluster: Cluster, figure: Figure) -> None:
    async with under_load(cluster) as row:
        os.kill(await asyncio.to_thread(cluster.busiest_worker), signal.SIGKILL)
    assert any(own.disconnected for own in row.own) or row.cut
    assert {phone.gone.result() for phone in row.cut} <= {1006}
    figure("a worker killed", row.said())


async def test_the_workers_of_a_server_are_drained_and_replaced(cluster: Cluster, figure: Figure) -> None:
    async with under_load(cluster) as row:
        server = await asyncio.to_thread(cluster.busiest_server)
        old = {worker["pid"] for worker in await asyncio.to_thread(cluster.workers, server)}
        cluster.servers[server].send_signal(signal.SIGHUP)
        while old & {worker["pid"] for worker in await asyncio.to_thread(cluster.workers, server)}:
            await asyncio.sleep(0.2)
    assert any(own.disconnected for own in row.own) or row.cut
    assert {phone.gone.result() for phone in row.cut} <= {1001}  # told, not just cut
    figure("a server's workers drained", row.said())


async def test_the_balancer_is_reloaded(cluster: Cluster, figure: Figure) -> None:
    async with under_load(cluster) as row:
        cluster.reload_balancer()
        late = Row()
        late.over.set()
        await asyncio.sleep(1.0)
        await asyncio.gather(own_client(cluster, 77, late), telephone(cluster, 78, late))
    late.check()
    assert not row.cut and not any(own.disconnected for own in row.own)
    figure("the balancer reloaded", row.said())


async def test_redis_stops_and_comes_back(cluster: Cluster, figure: Figure) -> None:
    async with under_load(cluster) as row:
        cluster.kill_redis()
        try:
            late = Row()
            late.over.set()
            await asyncio.gather(own_client(cluster, 77, late), telephone(cluster, 78, late))
        finally:
            cluster.start_redis()
    late.check()
    assert not row.cut and not any(own.disconnected for own in row.own)
    assert await asyncio.to_thread(cluster.places) <= LIMIT
    figure("Redis stopped and back", row.said())
