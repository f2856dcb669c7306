"""The signals of ``speechwire serve``, one after the other."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

__all__ = ["RELOAD", "Signals", "ended_or_signalled"]

RELOAD: int | None = getattr(signal, "SIGHUP", None)
"""Replaces the workers; ``None`` where there is no such signal."""


class Signals:
    """SIGTERM and SIGINT, and others if asked for. What the process was started to ignore stays ignored."""

    def __init__(self, *others: int | None) -> None:
        self._came: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, *others):
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._came.put_nowait, number)

    async def first(self) -> int:
        """Wait for the next."""
        return await self._came.get()


async def ended_or_signalled(work: Coroutine[Any, Any, Any], signals: Signals) -> int | None:
    """Do some work, at most until the next signal; returns that signal, or ``None`` when the work is done."""
    working = asyncio.create_task(work)
    signalled = asyncio.create_task(signals.first())
    try:
        await asyncio.wait({working, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return signalled.result()
        working.result()
        return None
    finally:
        for task in (working, signalled):
            task.cancel()
        await asyncio.gather(working, signalled, return_exceptions=True)
