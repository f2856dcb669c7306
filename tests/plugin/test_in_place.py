"""Work on items as they come: in place where it does not wait, in order, and always as part of the task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.virtual_time import VirtualTimeLoop
from videosdk.plugins.deepgram._in_place import for_each

from speechwire.session._event_queue import EventQueue

Work = Callable[[Any], Coroutine[Any, Any, None]]
_variable: ContextVar[int] = ContextVar("_variable", default=0)


class Stage:
    """A queue, and a task that works on what comes out of it."""

    def __init__(self, work: Work) -> None:
        self.queue: EventQueue[int] = EventQueue(1000, lambda event: False)
        self.task = asyncio.create_task(for_each(self.queue.get_each, work))

    async def ready(self) -> None:
        await asyncio.sleep(0.001)

    async def end(self) -> None:
        self.queue.end()
        await self.task


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(story(), 100)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_work_that_does_not_wait_is_done_within_the_call() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        done.append(item)

    async def story() -> None:
        stage = Stage(work)
        await stage.ready()
        for item in range(3):
            stage.queue.pass_on(item)
            assert done == list(range(item + 1))
        await stage.end()

    run(story)


def test_nothing_is_done_in_place_before_the_task_waits_or_after_it_was_cancelled() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        done.append(item)

    async def story() -> None:
        stage = Stage(work)
        stage.queue.pass_on(1)
        assert done == []
        await stage.ready()
        assert done == [1]
        stage.task.cancel()
        stage.queue.pass_on(2)
        assert done == [1]
        with pytest.raises(asyncio.CancelledError):
            await stage.task
        assert await stage.queue.get() == 2

    run(story)


def test_the_work_is_part_of_the_task_wherever_it_is_called_from() -> None:
    seen: list[tuple[bool, int]] = []

    async def story() -> None:
        async def work(item: int) -> None:
            seen.append((asyncio.current_task() is stage.task, _variable.get()))
            _variable.set(item)
            async with asyncio.timeout(1000):
                await asyncio.sleep(item % 2)  # 1 waits, 2 does not

        stage = Stage(work)
        await stage.ready()
        here = asyncio.current_task()
        stage.queue.pass_on(2)  # from a task
        assert asyncio.current_task() is here
        stage.queue.pass_on(1)
        stage.queue.pass_on(4)
        await asyncio.sleep(2)
        asyncio.get_running_loop().call_soon(stage.queue.pass_on, 3)  # from no task
        await asyncio.sleep(2)
        await stage.end()
        assert _variable.get() == 0
        assert seen == [(True, 0), (True, 2), (True, 1), (True, 4)]

    run(story)


def test_a_deadline_that_begins_in_place_strikes_later() -> None:
    struck: list[int] = []

    async def work(item: int) -> None:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        except TimeoutError:
            struck.append(item)

    async def story() -> None:
        stage = Stage(work)
        await stage.ready()
        stage.queue.pass_on(1)
        stage.queue.pass_on(2)
        await asyncio.sleep(2.5)
        assert struck == [1, 2]
        await stage.end()

    run(story)


@pytest.mark.parametrize("when", ["in place", "after a wait", "in the same turn"])
def test_cancelling_reaches_work_that_waits(when: str) -> None:
    cleaned: list[int] = []

    async def work(item: int) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1)
            cleaned.append(item)

    async def story() -> None:
        stage = Stage(work)
        await stage.ready()
        stage.queue.pass_on(1)
        stage.queue.pass_on(2)
        if when == "after a wait":
            await asyncio.sleep(1)
        elif when == "in place":
            await asyncio.sleep(0)
        stage.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stage.task
        assert cleaned == [1]
        assert await stage.queue.get() == 2

    run(story)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()], ids=["error", "cancelled"])
def test_what_the_work_raises_is_the_tasks(error: BaseException, waits: bool) -> None:
    async def work(item: int) -> None:
        if waits:
            await asyncio.sleep(1)
        raise error

    async def story() -> None:
        stage = Stage(work)
        await stage.ready()
        stage.queue.pass_on(1)
        await asyncio.wait({stage.task})
        with pytest.raises(type(error)):
            await stage.task

    run(story)


def test_work_that_cancels_its_own_task() -> None:
    async def story() -> None:
        async def work(item: int) -> None:
            stage.task.cancel()

        stage = Stage(work)
        await stage.ready()
        stage.queue.pass_on(1)
        with pytest.raises(asyncio.CancelledError):
            await stage.task

    run(story)


def test_what_comes_while_the_work_is_done_waits_for_it() -> None:
    done: list[int] = []

    async def story() -> None:
        async def work(item: int) -> None:
            if item < 3:
                stage.queue.pass_on(item + 1)
            done.append(item)

        stage = Stage(work)
        await stage.ready()
        stage.queue.pass_on(0)
        assert done == [0]
        await stage.ready()
        assert done == [0, 1, 2, 3]
        await stage.end()

    run(story)


@settings(max_examples=200, deadline=None)
@given(
    waits_s=st.lists(st.sampled_from([None, None, 0.0, 0.5, 2.0]), max_size=20),
    pauses_s=st.lists(st.sampled_from([None, 0.0, 1.0, 3.0]), min_size=20, max_size=20),
    in_place=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_order_and_number_hold_whatever_waits(
    waits_s: list[float | None], pauses_s: list[float | None], in_place: list[bool]
) -> None:
    began: list[int] = []
    ended: list[int] = []

    async def work(item: int) -> None:
        assert began == ended, "one after the other"
        began.append(item)
        wait_s = waits_s[item]
        if wait_s is not None:
            await asyncio.sleep(wait_s)
        ended.append(item)

    async def story() -> None:
        stage = Stage(work)
        for item in range(len(waits_s)):
            (stage.queue.pass_on if in_place[item] else stage.queue.put)(item)
            pause_s = pauses_s[item]
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        await stage.end()
        assert began == ended == list(range(len(waits_s)))

    run(story)
