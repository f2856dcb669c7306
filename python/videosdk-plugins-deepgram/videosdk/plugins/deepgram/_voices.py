"""The connections of a text-to-speech component: one session for each voice, in one event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from speechwire.errors import SessionClosed
from speechwire.session import SpeakSession

from ._adapt import logger

__all__ = ["Voices"]


@dataclass(slots=True, eq=False)
class _Voice:
    session: SpeakSession
    users: int = 0


class Voices:
    """Sessions by voice. Made inside the event loop.

    Args:
        make: Makes a voice's session.
        most: How many sessions are kept. One more than these closes the idle one that was used
            longest ago; one that speaks is never closed, so for the moment there may be more.

    Attributes:
        loop: The event loop the sessions live in.
        one_at_a_time: Whoever speaks into the track holds it.
    """

    def __init__(self, make: Callable[[str], SpeakSession], most: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.one_at_a_time = asyncio.Lock()
        self._make = make
        self._most = most
        self._voices: OrderedDict[str, _Voice] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextmanager
    def use(self, name: str) -> Iterator[SpeakSession]:
        """The session of a voice, which is kept open meanwhile."""
        voice = self._voices.get(name)
        if voice is None or voice.session.over:
            voice = self._voices[name] = _Voice(self._make(name))
        self._voices.move_to_end(name)
        voice.users += 1
        try:
            self._trim()
            yield voice.session
        finally:
            voice.users -= 1
            self._trim()

    def finish(self, work: Coroutine[Any, Any, object]) -> None:
        """Have something done that nobody waits for, except :meth:`aclose`."""
        self.keep(self.loop.create_task(work))

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Keep a task that nobody waits for, except :meth:`aclose`."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)

    async def aclose(self) -> None:
        """Close all sessions. From another event loop: drop them, if theirs has ended.

        Raises:
            SessionClosed: Their event loop is running elsewhere.
        """
        here = self.loop is asyncio.get_running_loop()
        if self.loop.is_running() and not here:
            raise SessionClosed(
                "the component is in use in another event loop: "
                "call it there, with asyncio.run_coroutine_threadsafe, or make one for each loop"
            )
        voices, self._voices = self._voices, OrderedDict()
        await asyncio.gather(*(voice.session.aclose() for voice in voices.values()))
        if self._tasks and here:
            await asyncio.wait(self._tasks)

    def _trim(self) -> None:
        """Close what is too much, as far as it is idle."""
        idle = [name for name, voice in self._voices.items() if not voice.users]
        for name in idle[: max(0, len(self._voices) - self._most)]:
            self.finish(self._voices.pop(name).session.aclose())


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("in the background of a synthesis: %s", type(error).__name__, exc_info=error)
