"""The flag does what ``asyncio.Event`` does."""

from __future__ import annotations

import asyncio

import pytest

from speechwire.session._flag import Flag

Either = Flag | asyncio.Event


@pytest.fixture(params=[Flag, asyncio.Event])
def flag(request: pytest.FixtureRequest) -> Either:
    made: Either = request.param()
    return made


async def waiting(flag: Either, count: int) -> list[asyncio.Task[object]]:
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(_wait(flag)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def _wait(flag: Either) -> None:
    await flag.wait()


async def test_it_wakes_all_that_wait(flag: Either) -> None:
    tasks = await waiting(flag, 3)
    flag.set()
    flag.set()
    await asyncio.gather(*tasks)


async def test_it_stays_raised_until_it_is_lowered(flag: Either) -> None:
    flag.set()
    await flag.wait()
    flag.clear()
    (task,) = await waiting(flag, 1)
    assert not task.done()
    flag.set()
    await task


async def test_who_is_woken_goes_on_although_it_is_lowered_at_once(flag: Either) -> None:
    (task,) = await waiting(flag, 1)
    flag.set()
    flag.clear()
    await task


async def test_one_that_is_cancelled_is_no_trouble_for_the_others(flag: Either) -> None:
    first, second = await waiting(flag, 2)
    first.cancel()
    await asyncio.sleep(0)
    flag.set()
    await second
    assert first.cancelled()
    flag.clear()
    third, fourth = await waiting(flag, 2)
    flag.set()
    third.cancel()
    await fourth
    assert not flag._waiters
