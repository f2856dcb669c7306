"""Replaces a connection by another without losing or repeating results: the new one is opened first."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Generic, TypeVar

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.session._dialing import Dialing
from speechwire.session._listen_traffic import ListenTraffic
from speechwire.session._runner import Runner
from speechwire.session.settings import ListenSettings

__all__ = ["Replacing"]

EventT = TypeVar("EventT")

_AGAIN_S: Final = 60.0

_logger = logging.getLogger("speechwire.session")


class Replacing(Generic[EventT]):
    """Replaces a session's connection when the caller asks, or when the connection is old.

    The new connection is opened first, in a place borrowed from the limiter. The session switches between
    turns or utterances, or after ``rollover_wait_s``. Closing the session cancels a replacement.

    Args:
        runner: The session's runner.
        settings: Limits and deadlines.
    """

    def __init__(self, runner: Runner[EventT], settings: ListenSettings) -> None:
        self._runner = runner
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    async def replace(self) -> None:
        """Replace the connection, if there is one.

        Raises:
            HandshakeRefused: The new one was refused; the old one stays.
            ConnectFailed: The service could not be reached; the old one stays.
            SessionClosed: The session was closed meanwhile.
        """
        task = asyncio.get_running_loop().create_task(self._replace())
        self._runner.in_background(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            raise SessionClosed("the session was closed before its connection was replaced")
        task.result()

    def watch(self, is_open: bool) -> None:
        """Start the timer that replaces an old connection when one is opened; stop it when it ends."""
        if self._timer is not None:
            self._timer.cancel()
        age_s = self._settings.max_age_s
        self._timer = self._ask_in(age_s) if is_open and age_s is not None else None

    def _ask_in(self, delay_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, self._ask)

    def _ask(self) -> None:
        self._runner.in_background(asyncio.get_running_loop().create_task(self._replace_old()))

    async def _replace_old(self) -> None:
        try:
            await self._replace()
        except SpeechwireError as failure:
            _logger.warning("the connection stays, as no other could be opened: %s", failure)
            self._timer = self._ask_in(_AGAIN_S)
        except Exception:
            _logger.exception("the connection stays, by a fault of speechwire's own")

    async def _replace(self) -> None:
        async with self._one_at_a_time:
            traffic, dialing = self._runner.traffic, self._runner.dialing
            if traffic is None or dialing is None or not self._runner.machine.accepting:
                return  # the next connection gets the wanted options anyway
            async with dialing.connector.borrow():
                while not await self._change_over(traffic, dialing):
                    pass  # the new connection had a change that was refused meanwhile

    async def _change_over(self, traffic: ListenTraffic[EventT], dialing: Dialing) -> bool:
        opened = await dialing.open(borrowed=True)
        taken = False
        try:
            await traffic.boundary(self._settings.rollover_wait_s)
            if opened[1].is_stale:
                return False
            taken = self._runner.replace(traffic, opened)
            self._runner.audio.stats.rollovers += taken
        finally:
            if not taken:
                opened[0].abort()
        while taken and self._runner.traffic is traffic:
            await self._runner.machine.changed.wait()
        return True
