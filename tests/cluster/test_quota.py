"""One quota over many workers, with a real Redis: never above the limit, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
from benches.python.storm.parts import OpenSocket
from redis.asyncio import Redis
from tests.cluster.conftest import RedisServer

from speechwire.cluster import SharedQuota
from speechwire.errors import HandshakeRefused, InvalidArgument
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


async def test_what_one_worker_does_not_need_another_gets(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (busy, idle):
        assert await busy.connect_all(20) == 15  # the idle one's reserve is 5
        assert await idle.connect_all(20) == 5
        for _ in range(10):
            busy.disconnect()
        await until(lambda: busy.quota.state().leased <= 8)
        assert await idle.connect_all(10) >= 12


async def test_a_connect_within_a_block_does_not_wait_for_redis(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (worker, _):
        await until(lambda: worker.quota.state().leased >= 4)
        redis_server.pause()
        async with asyncio.timeout(LEASE_S / 2):
            await worker.connect()
            await worker.connect()
        redis_server.resume()


async def test_a_worker_that_dies_gives_its_places_back(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (dying, heir):
        await dying.connect_all(15)
        assert dying.quota._task is not None
        dying.quota._task.cancel()  # it renews no more
        await until(lambda: heir.quota.state().leased_by_all <= 5)
        assert await heir.connect_all(20) == 15


async def test_a_worker_that_ends_gives_its_places_back_at_once(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2, lease_s=60.0) as (stays, _):
        leaving = Worker(redis_server.client(), lease_s=60.0, workers=3, reserved=0)
        async with leaving.quota:
            await leaving.connect_all(4)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await leaving.connect()
        await stays.connect()
        leases = await redis_server.client().hkeys("speechwire:{eu/flux}:leases")
        assert len(leases) == 3 and f"of {leaving.quota.worker}".encode() not in leases


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


async def test_a_cancellation_that_redis_swallows_ends_the_lease() -> None:
    redis = Swallowing()
    quota = SharedQuota(
        cast(Redis, redis), ConnectionLimiter(), name="eu/flux", limit=20, workers=1, lease_s=LEASE_S
    )
    async with asyncio.timeout(WAIT_S) as limit:
        async with quota:
            redis.asked.clear()
            await redis.asked.wait()  # the call is under way
    assert not limit.expired()


async def test_without_redis_a_worker_keeps_its_lease_and_then_its_reserve(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (one, other):
        assert await one.connect_all(12) == 12
        await redis_server.kill()
        await until(lambda: one.quota.state().away and one.quota.state().leased == 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LEASE_S):
                await one.connect()
        assert await other.connect_all(20) == 5
        while len(one.open) > 4:
            one.disconnect()
        assert await one.connect_all(20) == 5
        await redis_server.start()
        await until(lambda: not one.quota.state().away)
        assert 12 <= await one.connect_all(20) <= 15  # the other has its 5, and up to half a block to spare


async def test_a_flushed_redis_gives_nothing_away(redis_server: RedisServer) -> None:
    """Another worker holds leases of which it does not know any more."""
    async with workers(redis_server, 2) as (holder, newcomer):
        assert await holder.connect_all(15) == 15
        client = redis_server.client()
        for _ in range(5):
            await client.flushall()
            await newcomer.connect_all(20)
            assert len(holder.open) + len(newcomer.open) <= 20


async def test_after_an_outage_open_connections_count_before_others_get_places(
    redis_server: RedisServer,
) -> None:
    """Redis still knows of the quota, but every lease has expired; who asks first must not get all."""
    async with workers(redis_server, 2) as (holder, newcomer):
        assert await holder.connect_all(15) == 15
        redis_server.pause()
        await until(lambda: not holder.quota.state().leased and not newcomer.quota.state().leased)
        await stop(holder)  # so that the other is the first
        connecting = asyncio.create_task(newcomer.connect_all(20))
        await until(lambda: newcomer.limiter.waiting > 0)
        redis_server.resume()
        await until(lambda: not newcomer.quota.state().away)
        again(holder)
        await connecting
        assert len(holder.open) + len(newcomer.open) == 20


async def test_a_redis_that_comes_back_with_what_it_saved_gives_nothing_away(
    redis_server: RedisServer,
) -> None:
    async with workers(redis_server, 2, lease_s=6.0) as (holder, newcomer):
        assert await holder.connect_all(3) == 3
        await redis_server.client().save()
        while len(holder.open) < 15:
            await holder.connect()
        await stop(holder)
        await redis_server.kill()
        await redis_server.start()
        await until(lambda: newcomer.limiter.waiting == 0)
        await newcomer.connect_all(20)
        assert len(holder.open) + len(newcomer.open) <= 20


async def test_what_a_worker_gives_up_it_does_not_use_though_the_answer_is_lost(
    redis_server: RedisServer,
) -> None:
    proxy = Partition(redis_server.port)
    async with proxy.listening(), workers(redis_server, 1, reserved=5, limit=20, lease_s=3.0) as (other,):
        other.quota._workers = 2
        deaf = Worker(redis_server.client(proxy.port), workers=2, lease_s=3.0)
        async with deaf.quota:
            while len(deaf.open) < 15:
                await deaf.connect()
            while len(deaf.open) > 2:
                deaf.disconnect()
            proxy.cut_answers()
            await until(lambda: deaf.quota.state().away)
            assert deaf.quota.state().leased > 0  # the old lease is valid still
            while len(other.open) < 12:
                await other.connect()
            await deaf.connect_all(18)
            assert len(deaf.open) + len(other.open) <= 20
            proxy.mend()


async def test_who_replaces_another_gets_what_that_has_given_back(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (one, other):
        assert await one.connect_all(15) == 15
        assert await other.connect_all(20) == 5
        replacing = Worker(redis_server.client())
        async with replacing.quota:
            assert await replacing.connect_all(3) == 0
            assert one.quota.state().leased == 15  # its own it keeps
            while one.open:
                one.disconnect()
            await stop(one)
            assert await replacing.connect_all(20) >= 5
            assert len(other.open) + len(replacing.open) <= 20
            again(one)


async def test_a_request_that_is_read_after_a_later_one_changes_nothing(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2, lease_s=60.0) as (worker, _):
        while len(worker.open) < 10:
            await worker.connect()
        await until(lambda: worker.quota.state().leased >= 12)
        leased = worker.quota.state().leased_by_all
        numbers = worker.quota._number
        worker.quota._number, worker.quota._next = 0, lambda: numbers - 1  # type: ignore[method-assign]
        assert await worker.quota._ask(4) is None
        other = Worker(redis_server.client(), lease_s=60.0)
        async with other.quota:
            assert other.quota.state().leased_by_all == leased + other.quota.state().leased


@pytest.mark.parametrize("answer", [b"OK", None, [1], [b"x", 0, 0], ["1", "2", "3", "4"]])
async def test_an_answer_that_is_none_is_a_failure_and_the_next_one_counts(answer: Any) -> None:
    answers = [answer]

    class Odd(Swallowing):
        async def _answer(self, **_: Any) -> Any:
            return answers.pop() if answers else [4, 4, 0]

    limiter = ConnectionLimiter()
    quota = SharedQuota(cast(Redis, Odd()), limiter, name="q", limit=20, workers=1, lease_s=LEASE_S)
    async with quota:
        assert quota.state().failures == 1
        await until(lambda: quota.state().leased == 4)


async def stop(worker: Worker) -> None:
    """It asks for nothing any more, as a process that is stopped."""
    task = worker.quota._task
    assert task is not None
    task.cancel()
    await asyncio.wait([task])


def again(worker: Worker) -> None:
    worker.quota._task = asyncio.create_task(worker.quota._keep())


async def test_leases_are_never_above_the_limit_whatever_workers_want(redis_server: RedisServer) -> None:
    chance = random.Random(7)
    client = redis_server.client()
    async with workers(redis_server, 5, limit=23, reserved=2, lease_s=3.0) as all_workers:
        for _ in range(300):
            worker = chance.choice(all_workers)
            if worker.open and chance.random() < 0.45:
                worker.disconnect()
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await worker.connect()
            if chance.random() < 0.02:
                await client.flushall()
            assert sum(len(each.open) for each in all_workers) <= 23
        async with asyncio.timeout(WAIT_S):  # every lease is renewed, and what is free can be had
            while sum(len(each.open) for each in all_workers) < 12:
                await all_workers[0].connect_all(1)
        assert sum(len(each.open) for each in all_workers) <= 23


async def test_a_worker_that_cannot_reach_redis_takes_no_more_than_its_reserve(
    redis_server: RedisServer,
) -> None:
    """The others get what it leased before, and never its reserve: together they stay within the limit."""
    proxy = Partition(redis_server.port)
    async with proxy.listening(), workers(redis_server, 1, reserved=5, limit=20) as (reachable,):
        cut_off = Worker(redis_server.client(proxy.port, socket_timeout=LEASE_S), workers=2)
        reachable.quota._workers = 2
        async with cut_off.quota:
            await until(lambda: cut_off.quota.state().leased > 0)
            proxy.cut()
            await until(lambda: cut_off.quota.state().leased == 0)
            assert await reachable.connect_all(20) == 15
            assert await cut_off.connect_all(20) == 5
            proxy.mend()
            await until(lambda: not cut_off.quota.state().away)
            assert len(cut_off.open) + len(reachable.open) == 20
            await cut_off.connect_all(1)
            assert len(cut_off.open) + len(reachable.open) == 20


async def test_an_answer_that_came_after_its_lease_counts_for_nothing(redis_server: RedisServer) -> None:
    """As after SIGSTOP: the answer lies in the socket while the lease expires."""
    async with workers(redis_server, 2, lease_s=3.0) as (paused, _):
        paused.quota._lease_s = 0.0001  # it expires before the answer is read
        await paused.quota._request(16)
        assert paused.quota.state().leased == 0
        assert await paused.connect_all(20) == 5


async def test_all_hold_back_when_one_is_refused(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (refused, other):
        await refused.limiter.admit()
        refused.limiter.failed(HandshakeRefused(429))
        await until(lambda: other.limiter.throttled)
        assert not other.limiter.waiting


async def test_a_longer_hold_is_not_cut_short(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as (one, other):
        for worker, delay_s in ((one, 50.0), (other, 1.0)):
            worker.quota._throttled(delay_s)
            await worker.quota._share_hold()
        assert await redis_server.client().pttl("speechwire:{eu/flux}:hold") > 40_000


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"limit": 0}, "limit"),
        ({"workers": 0}, "workers"),
        ({"block": 0}, "block"),
        ({"lease_s": 0.0}, "lease_s"),
        ({"reserved": 11}, "reserved"),
        ({"reserved": -1}, "reserved"),
    ],
)
async def test_what_cannot_be_is_refused(wrong: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        Worker(Redis(), **wrong)


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
