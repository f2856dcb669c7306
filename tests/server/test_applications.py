"""Applications that end in unusual ways end their own call and no other, and hold no place."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest
from tests.server.callers import Twilio
from tests.server.serving import dial, serving, until

from speechwire.server import Call


async def exits() -> None:
    sys.exit(3)


async def waits_for_what_is_cancelled() -> None:
    waiting = asyncio.ensure_future(asyncio.sleep(60))
    waiting.cancel()
    await waiting


async def is_cancelled() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)


@pytest.mark.parametrize("end", [exits, waits_for_what_is_cancelled, is_cancelled])
async def test_it_ends_its_own_call(each_socket: None, end: Callable[[], Awaitable[None]]) -> None:
    calls: list[Call] = []

    async def answer(call: Call) -> None:
        calls.append(call)
        if len(calls) == 2:
            await end()
        async for _ in call.turns():
            pass

    async with serving(answer) as where, dial(where, Twilio()) as well:
        await until(lambda: calls)
        async with dial(where, Twilio()) as broken:
            assert await broken.ended() == 1011
        await well.hang_up()
        await until(lambda: not where.server.lines)
        assert where.server.counters.ended == {"application": 1, "hung_up": 1}


async def test_an_application_that_does_not_end_holds_no_place() -> None:
    running = asyncio.Event()
    released = asyncio.Event()

    async def answer(call: Call) -> None:
        running.set()
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                call.log.info("and on it goes")

    async with serving(answer, hangup_s=0.2) as where:
        async with dial(where, Twilio()) as call:
            await running.wait()
            await call.hang_up()
        await until(lambda: not where.server.lines)
        assert where.server.admission.taken == 0
        released.set()
