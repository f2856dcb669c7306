"""An object that lives in one event loop, and says so instead of hanging where it is used in another."""

from __future__ import annotations

import asyncio

from speechwire.errors import SessionClosed

__all__ = ["LoopBinding"]


class LoopBinding:
    """The event loop that an object belongs to: the first one it is used in.

    Args:
        what: The object, for messages: ``"session"``.
    """

    __slots__ = ("_loop", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def ended(self) -> bool:
        """Whether the loop has been closed: nothing of the object runs any more."""
        return self._loop is not None and self._loop.is_closed()

    @property
    def elsewhere(self) -> bool:
        """Whether it belongs to another loop than the running one."""
        return self._loop is not None and self._loop is not asyncio.get_running_loop()

    def check(self) -> None:
        """Bind to the running loop, or see that it is the one.

        Raises:
            SessionClosed: It is another one.
            RuntimeError: No loop is running.
        """
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        if self._loop is not running:
            raise SessionClosed(f"the {self._what} belongs to another event loop: {self._remedy()}")

    def leave(self) -> None:
        """Let go of another loop that has ended or stands still.

        Raises:
            SessionClosed: It is running, in another thread.
        """
        if self._loop is not None and self._loop.is_running():
            raise SessionClosed(f"the {self._what} is in use in another event loop: {self._remedy()}")

    def _remedy(self) -> str:
        if self._loop is not None and self._loop.is_running():
            return "call it there, with asyncio.run_coroutine_threadsafe"
        return "make a new one in this loop"
