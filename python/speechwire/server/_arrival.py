"""A caller before its call begins: it sends its start message and waits for a place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from speechwire.server import _ending as endings
from speechwire.server._ending import Ending
from speechwire.server.admission import Place
from speechwire.server.codec import Digit, Queued, Started, Stopped, Text
from speechwire.server.limits import Limits

__all__ = ["Arrival"]


class Arrival:
    """The steps before a call begins.

    Args:
        place: The caller's place in the quota, taken or queued.
        limits: ``start_s`` and ``texts`` are used.
        over: Done when the caller has gone or the server has ended the call.
        finish: Ends the call.
    """

    __slots__ = ("_early", "_finish", "_limits", "_over", "_place", "_started")

    def __init__(
        self, place: Place, limits: Limits, over: asyncio.Future[Ending], finish: Callable[[Ending], None]
    ) -> None:
        self._place = place
        self._limits = limits
        self._over = over
        self._finish = finish
        self._started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        self._early: list[Text | Digit | Stopped] = []

    @property
    def has_started(self) -> bool:
        """Whether the caller has sent its start message."""
        return self._started.done()

    def on_started(self, started: Started) -> None:
        """Record the caller's start message."""
        self._started.set_result(started)

    def keep(self, incoming: Text | Digit | Stopped) -> None:
        """Keep what came before the call began: ``limits.texts`` texts and digits, and the end."""
        if len(self._early) < self._limits.texts or isinstance(incoming, Stopped):
            self._early.append(incoming)

    def take_early(self) -> list[Text | Digit | Stopped]:
        """Return what :meth:`keep` kept, and forget it."""
        early, self._early = self._early, []
        return early

    async def wait_for_start(self) -> Started | None:
        """Wait at most ``start_s`` for the start message; without one, end the call and return ``None``."""
        if not self._started.done():
            both: set[asyncio.Future[Any]] = {self._started, self._over}
            await asyncio.wait(both, timeout=self._limits.start_s, return_when=asyncio.FIRST_COMPLETED)
        if self._started.done() and not (self._over.done() and self._over.result().is_failure):
            return self._started.result()
        self._finish(endings.NO_START)
        return None

    async def wait_for_place(self, send: Callable[[Queued], bool]) -> bool:
        """Tell the caller its position in the queue, and wait. Return whether it got a place."""
        position, timeout_s = self._place.queued
        send(Queued(position=position, timeout_s=timeout_s))
        waiting = asyncio.ensure_future(self._place.wait())
        both: set[asyncio.Future[Any]] = {waiting, self._over}
        try:
            await asyncio.wait(both, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        if self._over.done() or not self._place.is_taken:
            self._finish(endings.BUSY)
            return False
        return True
