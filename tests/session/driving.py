"""Push audio at real pace and collect what a session says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.session.counted import RATE, counted

from speechwire.session._session import ListeningSession

FRAME_MS = 20
Listening = ListeningSession[Any]


async def speak_into(session: Listening, seconds: float, *, start_s: float = 0.0) -> None:
    """Push ``seconds`` of counted audio in 20 ms frames, one each 20 ms."""
    size = RATE * FRAME_MS // 1000
    first, last = round(start_s * RATE), round((start_s + seconds) * RATE)
    for start in range(first, last, size):
        session.push(counted(start, min(size, last - start)))
        await asyncio.sleep(FRAME_MS / 1000)


async def collect(session: Listening) -> list[Any]:
    return [event async for event in session]


async def converse(session: Listening, seconds: float, during: Callable[[], None] | None = None) -> list[Any]:
    """Push, close, and return every event."""
    events = asyncio.create_task(collect(session))
    await speak_into(session, seconds)
    if during is not None:
        during()
    await session.aclose()
    return await events
