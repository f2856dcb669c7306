from __future__ import annotations

import asyncio

import pytest

from speechwire.errors import SessionClosed
from speechwire.session import EventsDropped
from speechwire.session._event_queue import EventQueue


def interim(event: object) -> bool:
    return isinstance(event, float)


def full(limit: int = 3) -> EventQueue[float]:
    return EventQueue(limit, interim)


async def test_order_and_end() -> None:
    queue = full()
    queue.put(1)
    queue.put(2)
    queue.end()
    queue.put(3)
    assert [await queue.get(), await queue.get()] == [1, 2]
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await queue.get()


async def test_an_error_comes_after_the_last_event_and_once() -> None:
    queue = full()
    queue.put(1)
    queue.end(SessionClosed("why"))
    assert await queue.get() == 1
    with pytest.raises(SessionClosed, match="why"):
        await queue.get()
    with pytest.raises(StopAsyncIteration):
        await queue.get()


async def test_a_waiting_consumer_wakes() -> None:
    queue = full()
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.put(7)
    assert await getting == 7


async def test_interim_events_give_way_first_and_the_loss_is_told() -> None:
    queue = full(3)
    for event in (1, 2.5, 3, 4, 5):
        queue.put(event)
    queue.end()
    got = [await queue.get() for _ in range(4)]
    assert got == [EventsDropped(count=2), 3, 4, 5]
    assert queue.dropped == 2


async def test_memory_stays_flat() -> None:
    queue = full(100)
    for number in range(100_000):
        queue.put(number)
    assert await queue.get() == EventsDropped(count=99_900)
    assert await queue.get() == 99_900


async def test_a_second_consumer_is_told_so() -> None:
    queue = full()
    first = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await queue.get()
    queue.put(5)
    assert await first == 5


async def test_a_consumer_that_gave_up_leaves_its_place() -> None:
    queue = full()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 1)
    queue.put(6)
    assert await queue.get() == 6
