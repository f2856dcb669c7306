"""Makes a session's task wait until it is woken, or for a limited time."""

from __future__ import annotations

import asyncio

from speechwire.session._flag import Flag

__all__ = ["Wakeup"]


class Wakeup:
    """Lets one task wait and others wake it.

    Attributes:
        hurry: Whether the next attempt should begin without waiting.
    """

    def __init__(self) -> None:
        self.hurry = False
        self._changed = Flag()

    def notify(self, *, hurry: bool = False) -> None:
        """Wake the task."""
        self.hurry = self.hurry or hurry
        self._changed.set()

    async def look(self) -> None:
        """Wait for the next :meth:`notify`."""
        self._changed.clear()
        await self._changed.wait()

    async def pause(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds, or until woken."""
        try:
            async with asyncio.timeout(delay_s):
                while not self.hurry:
                    await self.look()
        except TimeoutError:
            pass
