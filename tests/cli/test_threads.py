"""What is opened in a thread is closed, even if nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading

import pytest

from speechwire.cli._threads import Background


class Slow:
    """A context manager that opens when it may, and says when it is closed."""

    def __init__(self) -> None:
        self.may_open, self.opening, self.closed = threading.Event(), threading.Event(), threading.Event()

    def __enter__(self) -> str:
        self.opening.set()
        self.may_open.wait(10)
        return "open"

    def __exit__(self, *_: object) -> None:
        self.closed.set()


async def cancelled(slow: Slow, opens: bool) -> None:
    async def work() -> None:
        async with Background() as background:
            await background.enter(slow)

    task = asyncio.create_task(work())
    await asyncio.to_thread(slow.opening.wait)
    task.cancel()
    if opens:
        slow.may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_opens_while_it_is_cancelled_is_closed() -> None:
    slow = Slow()
    await cancelled(slow, opens=True)
    assert slow.closed.is_set()


async def test_what_opens_after_everyone_has_left_is_closed_by_itself() -> None:
    slow = Slow()
    await cancelled(slow, opens=False)
    assert not slow.closed.is_set()
    slow.may_open.set()
    assert await asyncio.to_thread(slow.closed.wait, 10)


async def test_who_is_cancelled_on_the_way_out_leaves_nothing_open() -> None:
    slow, stuck, reading = Slow(), threading.Event(), threading.Event()
    slow.may_open.set()

    def read() -> None:
        reading.set()
        stuck.wait(10)

    async def work() -> None:
        async with Background() as background:
            await background.enter(slow)
            step = asyncio.create_task(background.call(read))
            await asyncio.to_thread(reading.wait)
            step.cancel()
            raise ZeroDivisionError

    task = asyncio.create_task(work())
    await asyncio.to_thread(reading.wait)
    await asyncio.sleep(0.05)  # within the patience of whoever leaves
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stuck.set()
    assert await asyncio.to_thread(slow.closed.wait, 10)


async def test_it_is_closed_on_leaving_and_errors_come_through() -> None:
    slow = Slow()
    slow.may_open.set()
    with pytest.raises(ZeroDivisionError):
        async with Background() as background:
            assert await background.enter(slow) == "open"
            assert not slow.closed.is_set()
            await background.call(lambda: 1 / 0)
    assert slow.closed.is_set()
