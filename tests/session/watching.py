"""Reading a session's events while a test goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.session.driving import Listening, finals


class Watch:
    """What a session says, and when."""

    def __init__(self, session: Listening) -> None:
        self.events: list[Any] = []
        self.finals_at: list[float] = []
        self._session = session
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        async for event in self._session:
            self.events.append(event)
            if finals([event]):
                self.finals_at.append(loop.time())

    async def close(self) -> list[Any]:
        await self._session.aclose()
        await self._task
        return self.events
