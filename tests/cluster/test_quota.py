"""One quota over many workers, with a real Redis: never above the limit, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
from redis.asyncio import Redis
from tests.cluster.conftest import RedisServer
from tests.cluster.quota_workers import LEASE_S, WAIT_S, Worker, again, stop, until, workers

from speechwire.errors import HandshakeRefused, InvalidArgument


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
