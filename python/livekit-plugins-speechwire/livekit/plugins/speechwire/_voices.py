"""Connections that speak: one for each text that is being spoken, and a few kept open for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from speechwire.errors import SpeechwireError
from speechwire.session import SpeakSession

__all__ = ["Make", "Voices"]

_MOST_IDLE = 4

Make = Callable[[], SpeakSession]


class Voices:
    """Hands out sessions that nobody else uses at the moment, so that no text waits for another's."""

    def __init__(self) -> None:
        self._idle: list[tuple[object, SpeakSession]] = []
        self._newest: object = None
        self._changes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def use(self, key: object, make: Make) -> Iterator[SpeakSession]:
        """Lend an idle session of this kind, or a new one.

        Args:
            key: What a session is made from; if another is retained meanwhile, the session is closed
                when it is given back.
            make: Makes one.
        """
        self._enter_loop()
        session, changes = self._take(key) or make(), self._changes
        try:
            yield session
        finally:
            if changes != self._changes and key != self._newest:
                self._keep(session.aclose())
            else:
                self._give_back(key, session)

    def prewarm(self, key: object, make: Make) -> None:
        """Open a connection for the next text; returns at once."""
        self._enter_loop()
        if not self._idle:
            self._idle.append((key, make()))
            self._keep(_quietly(self._idle[-1][1].prewarm()))

    def retain(self, key: object) -> None:
        """Close the sessions of other keys: the idle ones now, the others when they are given back."""
        self._newest, self._changes = key, self._changes + 1
        others = [session for each, session in self._idle if each != key]
        self._idle = [(each, session) for each, session in self._idle if each == key]
        for session in others:
            self._keep(session.aclose())

    async def aclose(self) -> None:
        """Close the idle sessions, and wait for those that close already."""
        self.retain(object())
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _enter_loop(self) -> None:
        """Forget what belongs to an event loop that has ended."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._idle, self._tasks = loop, [], set()

    def _take(self, key: object) -> SpeakSession | None:
        for place, (each, session) in enumerate(self._idle):
            if each == key:
                del self._idle[place]
                return None if session.over else session
        return None

    def _give_back(self, key: object, session: SpeakSession) -> None:
        self._idle.append((key, session))
        if len(self._idle) > _MOST_IDLE:
            self._keep(self._idle.pop(0)[1].aclose())

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(connecting: Awaitable[None]) -> None:
    """The first text gets the reason why there is no connection."""
    with suppress(SpeechwireError):
        await connecting
