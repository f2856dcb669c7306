"""An event loop whose clock moves only when nothing else can: an hour of silence takes a millisecond.

A ``conftest.py`` turns it on for the tests beside it::

    def pytest_asyncio_loop_factories(config, item):
        return {"virtual": VirtualTimeLoop}
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

__all__ = ["Deadlock", "VirtualTimeLoop"]


_THREAD_S = 60.0  # of real time: the end of a test's patience is nearer


class Deadlock(AssertionError):
    """Every task waits and no timer is set: real time would wait for ever."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs callbacks as usual; where it would sleep, it moves the clock instead.

    What a thread is asked to do takes no virtual time. Not for real sockets: an idle loop never waits for
    them.

    Attributes:
        in_threads: How many calls threads are still busy with.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self.in_threads = 0
        super().__init__(_VirtualSelector(self))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """As usual; the clock stands still until it is done."""
        done = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        done.add_done_callback(self._leave_thread)
        return done

    def _leave_thread(self, _: object) -> None:
        self.in_threads -= 1

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Called by the selector in place of sleeping."""
        self._now += seconds


class _VirtualSelector(selectors.BaseSelector):
    """Polls without waiting and reports the wait to the loop's clock."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._real = selectors.DefaultSelector()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.in_threads:
            return self._real.select(_THREAD_S)
        if timeout is None:
            raise Deadlock("every task waits and no timer is set")
        self._loop.advance(max(timeout, 0.0))
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()
