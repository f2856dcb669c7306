"""Changes options during a stream: on the open connection if the service can, else with a new one."""

from __future__ import annotations

import asyncio
from typing import Any

from speechwire.errors import ServiceError, SessionClosed, SpeechwireError
from speechwire.session import ListenV1Session, ListenV2Session

from .log import logger

__all__ = ["OptionsFollower", "Session", "terms"]

Session = ListenV1Session | ListenV2Session

# By the options' names: what ``Configure`` calls them.
_IN_BAND = {
    "eager_eot_threshold": "eager_eot_threshold",
    "eot_threshold": "eot_threshold",
    "eot_timeout_ms": "eot_timeout_ms",
    "keyterm": "keyterms",
    "language_hint": "language_hints",
}


class OptionsFollower:
    """Brings a session to the options that are wanted, one change after the other, in the background.

    A change never waits for the network and never cuts a turn: the session replaces its connection between
    turns. One that the service refuses is logged, and the options before it hold.

    Args:
        session: The session.
        options: What it was made with.

    Attributes:
        wanted: The options that are wanted.
    """

    def __init__(self, session: Session, options: Any) -> None:
        self.wanted = options
        self._session = session
        self._held = options
        self._task: asyncio.Task[None] | None = None

    def want(self, options: Any) -> None:
        """Want these from now on."""
        self.wanted = options
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())

    def cancel(self) -> None:
        """The session ends."""
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        while self.wanted != self._held:
            wanted = self.wanted
            try:
                await self._change(wanted)
            except SessionClosed:
                return
            except SpeechwireError as error:
                logger.warning("the options could not be changed: %s", error)
                if isinstance(error, ServiceError) and error.retryable:
                    self._held = wanted  # no answer in time: the next connection has them at the latest
                elif self.wanted == wanted:
                    self.wanted = self._held
            else:
                self._held = wanted

    async def _change(self, wanted: Any) -> None:
        names = [name for name in wanted.__struct_fields__ if _differ(wanted, self._held, name)]
        changes = {_IN_BAND[name]: getattr(wanted, name) for name in names if name in _IN_BAND}
        if len(changes) == len(names) and None not in changes.values():
            await self._session.configure(**changes)
        else:
            await self._session.reopen(wanted)


def _differ(one: Any, other: Any, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def terms(*lists: list[str]) -> list[str]:
    """Return all terms, each once, in the order they came in."""
    return list(dict.fromkeys(term for each in lists for term in each))
