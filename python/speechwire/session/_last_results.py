"""The end of a listening session: where the last results were requested, and whether they came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from speechwire.session._dialing import Dialing
from speechwire.session._hedge import Hedge
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._states import Ending
from speechwire.session.events import SessionEvent

__all__ = ["LastResults"]

EventT = TypeVar("EventT")

_logger = logging.getLogger("speechwire.session")


class LastResults(Generic[EventT]):
    """Tracks the last results. After the end was requested, at most one further connection is opened.

    That connection replaces the first one, or is opened beside it.

    Args:
        emit: Takes events.
        in_background: Takes a task to cancel when the session ends.

    Attributes:
        shown: Whether results have shown that everything is done.
    """

    def __init__(
        self,
        emit: Callable[[EventT | SessionEvent], None],
        in_background: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self.shown = False
        self.asked_again = False
        self._emit = emit
        self._in_background = in_background
        self._beside: asyncio.Task[None] | None = None

    def ask_beside(self, shared: Shared[EventT], traffic: ListenTraffic[EventT], dialing: Dialing) -> None:
        """Request the last results on a second connection, as the first is silent."""
        if not self.asked_again:
            asking = self._ask_beside(Hedge(shared, traffic, self._note_asked_again), traffic, dialing)
            self._beside = asyncio.get_running_loop().create_task(asking)
            self._in_background(self._beside)

    async def may_ask_again(self) -> bool:
        """Whether another connection may follow after one ended without the last results. True once."""
        if self._beside is not None:
            await asyncio.wait({self._beside})  # the second connection was that other one, unless it failed
        asked_again, self.asked_again = self.asked_again, True
        return not asked_again

    async def _ask_beside(
        self, hedge: Hedge[EventT], traffic: ListenTraffic[EventT], dialing: Dialing
    ) -> None:
        try:
            events = await hedge.ask(dialing)
        except Exception:
            _logger.exception("nobody else could be asked, by a fault of speechwire's own")
            return
        if events is not None:
            self.shown = True
            for event in events:
                self._emit(event)
            traffic.connection.end(Ending.STALLED, "the service fell silent at the end")

    def _note_asked_again(self) -> None:
        self.asked_again = True
