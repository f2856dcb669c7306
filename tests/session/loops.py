"""Sessions in event loops that end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.session.counted import RATE, counted
from tests.session.driving import (
    Listening,
)
from tests.virtual_time import VirtualTimeLoop

from speechwire.audio import PcmPipeline

FRAME = counted(0, RATE // 50)


def in_a_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run in an event loop of its own, bounded."""

    async def bounded() -> Any:
        return await asyncio.wait_for(work(), 60.0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(bounded())


CALLS: dict[str, Callable[[Listening], Any]] = {
    "push": lambda session: session.push(FRAME),
    "flush": lambda session: session.flush(),
    "exchange": lambda session: session.exchange(PcmPipeline(8_000, RATE)),
    "connect": lambda session: session.connect(),
    "configure": lambda session: session.configure(keyterms=["Oslo"]),
    "reopen": lambda session: session.reopen(),
}


async def call(session: Listening, name: str) -> None:
    result = CALLS[name](session)
    if asyncio.iscoroutine(result):
        await result
