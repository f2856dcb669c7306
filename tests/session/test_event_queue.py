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


async def test_a_full_queue_without_interim_events_drops_the_oldest() -> None:
    looked: list[float] = []

    def is_interim(event: float) -> bool:
        looked.append(event)
        return False

    queue: EventQueue[float] = EventQueue(3, is_interim)
    for event in range(100):
        queue.put(event)
    queue.end()
    assert [await queue.get() for _ in range(4)] == [EventsDropped(count=97), 97, 98, 99]
    assert looked == list(range(100)), "each event is looked at once, however many wait"


async def test_a_queue_nobody_reads_stays_bounded() -> None:
    queue = full(10)
    for event in range(10_000):
        queue.put(event + 0.5 * (event % 3 > 0))
    assert len(queue._cells or ()) <= 20
    assert len(queue._interim or ()) <= 10


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
    with pytest.raises(RuntimeError, match="^another task is .* comes here: read it in one task$"):
        await queue.get()
    queue.put(5)
    assert await first == 5


async def test_a_consumer_that_gave_up_leaves_its_place() -> None:
    queue = full()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 1)
    queue.put(6)
    assert await queue.get() == 6
