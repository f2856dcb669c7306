"""A limiter whose limit changes while sessions wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from speechwire.errors import HandshakeRefused, InvalidArgument
from speechwire.session import BackoffPolicy, ConnectionLimiter


async def is_admitted(limiter: ConnectionLimiter, within_s: float = 1.0) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await limiter.admit()
    except TimeoutError:
        return False
    return True


async def test_whoever_waits_gets_in_when_the_limit_grows() -> None:
    limiter = ConnectionLimiter(max_connections=1)
    await limiter.admit()
    waiting = asyncio.create_task(limiter.admit())
    await asyncio.sleep(1.0)
    assert (limiter.taken, limiter.waiting, waiting.done()) == (1, 1, False)
    limiter.limit(2)
    await asyncio.wait_for(waiting, 1.0)
    assert (limiter.taken, limiter.waiting) == (2, 0)


async def test_a_lower_limit_lets_nobody_in_until_enough_are_gone() -> None:
    limiter = ConnectionLimiter()
    for _ in range(3):
        await limiter.admit()
    limiter.limit(2)
    limiter.failed(OSError())
    assert not await is_admitted(limiter)
    limiter.failed(OSError())
    assert await is_admitted(limiter)


async def test_after_its_time_another_limit_holds() -> None:
    limiter = ConnectionLimiter()
    limiter.limit(2, valid_s=10.0, then=1)
    await limiter.admit()
    assert await is_admitted(limiter)
    limiter.failed(OSError())
    await asyncio.sleep(10.0)
    assert not await is_admitted(limiter)


async def test_demand_is_reported_when_it_changes() -> None:
    limiter, reports = ConnectionLimiter(max_connections=1), []
    limiter.watch(on_demand=lambda: reports.append((limiter.taken, limiter.waiting)))
    await limiter.admit()
    assert not await is_admitted(limiter)
    limiter.failed(OSError())
    assert reports == [(1, 0), (1, 1), (0, 0)]


async def test_holding_back_elsewhere_holds_back_here() -> None:
    limiter = ConnectionLimiter()
    limiter.hold_back(5.0)
    limiter.hold_back(1.0)
    assert limiter.throttled
    assert not await is_admitted(limiter, within_s=4.0)
    assert await is_admitted(limiter, within_s=1.5)
    assert not await is_admitted(limiter), "one at a time until one is in"


async def test_a_refusal_for_too_many_is_reported_once_with_its_wait() -> None:
    limiter = ConnectionLimiter(policy=BackoffPolicy(throttled_base_s=2.0))
    delays: list[float] = []
    limiter.watch(on_throttled=delays.append)
    for _ in range(3):
        await limiter.admit()
    for error in (OSError(), HandshakeRefused(429), HandshakeRefused(429)):
        limiter.failed(error)
    assert len(delays) == 1
    assert 1.0 <= delays[0] <= 2.0


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"max_connections": -1}, "max_connections"),
        ({"max_connections": 1, "then": -1}, "max_connections"),
        ({"max_connections": 1, "valid_s": 0.0}, "valid_s"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused(wrong: dict[str, Any], argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        ConnectionLimiter().limit(**wrong)
