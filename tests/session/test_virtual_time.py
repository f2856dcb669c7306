from __future__ import annotations

import asyncio
import time

import pytest
from tests.virtual_time import Deadlock, VirtualTimeLoop


async def test_an_hour_passes_without_waiting() -> None:
    loop, started = asyncio.get_running_loop(), time.monotonic()
    before = loop.time()
    await asyncio.sleep(3600)
    assert loop.time() - before == pytest.approx(3600)
    assert time.monotonic() - started < 60


async def test_timers_fire_in_order() -> None:
    order: list[int] = []

    async def note(delay: float, mark: int) -> None:
        await asyncio.sleep(delay)
        order.append(mark)

    await asyncio.gather(note(3, 3), note(1, 1), note(2, 2))
    assert order == [1, 2, 3]


async def test_timeouts_use_the_virtual_clock() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await asyncio.Event().wait()


def test_waiting_for_nothing_is_an_error() -> None:
    loop = VirtualTimeLoop()
    task = loop.create_task(asyncio.Event().wait())
    with pytest.raises(Deadlock):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
