"""Binds a session to one event loop, so that its use in another raises instead of hanging."""

from __future__ import annotations

import asyncio

from speechwire.errors import LocalProtocolError, SessionClosed

__all__ = ["LoopBinding"]


class LoopBinding:
    """The event loop that a session belongs to: the first one it is used in.

    Args:
        misuse: Makes the exception that a use in another loop raises.

    Attributes:
        loop: The loop; ``None`` before the first use.
    """

    __slots__ = ("_misuse", "loop")

    def __init__(self, misuse: type[SessionClosed | LocalProtocolError]) -> None:
        self._misuse = misuse
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def ended(self) -> bool:
        """Whether the loop has been closed: nothing of the session runs any more."""
        return self.loop is not None and self.loop.is_closed()

    @property
    def elsewhere(self) -> bool:
        """Whether it belongs to another loop than the running one."""
        return self.loop is not None and self.loop is not asyncio.get_running_loop()

    def check(self) -> None:
        """Bind to the running loop at the first use; later check that it is the same.

        Raises:
            SessionClosed, LocalProtocolError: Another loop is running. `misuse` decides which is raised.
            RuntimeError: No loop is running.
        """
        running = asyncio.get_running_loop()
        if self.loop is None:
            self.loop = running
        if self.loop is not running:
            raise self._misuse(f"the session belongs to another event loop: {self._remedy()}")

    def leave(self) -> None:
        """Release the binding to another loop that has ended or is not running.

        Raises:
            SessionClosed, LocalProtocolError: That loop is running in another thread.
        """
        if self.loop is not None and self.loop.is_running():
            raise self._misuse(f"the session is in use in another event loop: {self._remedy()}")

    def _remedy(self) -> str:
        if self.loop is not None and self.loop.is_running():
            return "call it there, with asyncio.run_coroutine_threadsafe"
        return "make a new one in this loop"
