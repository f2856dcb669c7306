"""Reading a session's events while a test goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.session.driving import Listening, finals

from speechwire.errors import SpeechwireError


class Watch:
    """What a session says, and when.

    Attributes:
        events: Every event so far.
        finals_at: When a final result or the end of a turn came.
        error: What the session failed for.
    """

    def __init__(self, session: Listening) -> None:
        self.events: list[Any] = []
        self.finals_at: list[float] = []
        self.error: SpeechwireError | None = None
        self._session = session
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for event in self._session:
                self.events.append(event)
                if finals([event]):
                    self.finals_at.append(loop.time())
        except SpeechwireError as error:
            self.error = error

    async def close(self) -> list[Any]:
        """Close the session; returns every event."""
        await self._session.aclose()
        await self._task
        return self.events
