"""One quota while Redis or the way to it fails: never above the limit."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

pytest.importorskip("redis", reason="wants redis: pip install 'speechwire[cluster]'")
from redis.asyncio import Redis
from tests.cluster.conftest import RedisServer
from tests.cluster.quota_workers import (
    LEASE_S,
    WAIT_S,
    Partition,
    Swallowing,
    Worker,
    again,
    stop,
    until,
    workers,
)

from speechwire.cluster import SharedQuota
from speechwire.session import ConnectionLimiter


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
