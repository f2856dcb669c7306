"""Wakes those who wait, and only those."""

from __future__ import annotations

import asyncio

import pytest

from speechwire.session._signal import Signal


async def test_all_that_wait_wake_and_later_ones_do_not() -> None:
    signal = Signal()
    signal.notify()
    waiting = [asyncio.create_task(signal.wait()) for _ in range(3)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in waiting)
    signal.notify()
    await asyncio.gather(*waiting)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(signal.wait(), 1)


async def test_one_that_is_cancelled_leaves_nothing_behind() -> None:
    signal = Signal()
    gone, stays = asyncio.create_task(signal.wait()), asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    signal.notify()
    await stays
    assert gone.cancelled()
    assert not signal._waiters
