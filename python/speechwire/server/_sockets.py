"""The interface of a call's WebSocket, and the parts that all its implementations share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Final, Protocol

from speechwire.server._ending import Ending
from speechwire.server._line import Line
from speechwire.server.codec import Opening

__all__ = [
    "CLOSE_S",
    "HEARTBEAT_S",
    "UNAUTHORIZED",
    "WRITER_BYTES",
    "BeatingSocket",
    "CallSocket",
    "HandedOverCalls",
    "goodbye_of",
    "is_deaf",
    "opening_of",
]

CLOSE_S: Final = 5.0
"""How long a peer may take to answer a close, in seconds."""
WRITER_BYTES: Final = 64 * 1024
"""The most that may wait in a connection's own buffer. The rest waits in the outbox, which can drop it."""

HEARTBEAT_S: Final = 5.0
"""The interval of :meth:`BeatingSocket.beat`, in seconds."""

UNAUTHORIZED: Final = 4401
"""A browser cannot read the status of a failed upgrade, but it can read this close code."""

_GOING_AWAY: Final = 1001
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "sec-websocket-protocol", "sec-websocket-key"})


class CallSocket(Protocol):
    """One caller's WebSocket, open."""

    async def serve(self, line: Line, timeout_s: float) -> None:
        """Move messages until the call is over and the connection closed.

        Args:
            line: Takes the caller's messages; its outbox holds the messages to the caller.
            timeout_s: How long the caller may take to read the last messages, in seconds.
        """


class BeatingSocket(CallSocket, Protocol):
    """A socket that has no timer of its own."""

    def beat(self) -> None:
        """Ping a quiet caller, and drop one that has not answered. Called every `HEARTBEAT_S`."""


class HandedOverCalls:
    """The tasks of calls on connections that aiohttp has handed over, and one timer for all of them."""

    def __init__(self) -> None:
        self._tasks: dict[BeatingSocket, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, opened: BeatingSocket, serving: Coroutine[None, None, None]) -> None:
        """Serve a call in a task of its own."""
        task = self._tasks[opened] = asyncio.create_task(serving)
        task.add_done_callback(lambda _: self._tasks.pop(opened, None))
        if self._timer is None:
            self._wait()

    async def aclose(self) -> None:
        """Wait briefly for calls that are ending, and drop the others."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = tuple(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    def _beat(self) -> None:
        self._timer = None
        for opened in tuple(self._tasks):
            opened.beat()
        if self._tasks:
            self._wait()


def is_deaf(ending: Ending) -> bool:
    """Whether the caller will not read the last messages: it reads too slowly, or is gone."""
    return ending.code in ("slow_reader", "disconnected")


def goodbye_of(line: Line) -> tuple[int, bytes]:
    """The code and the reason to close with."""
    if line.end is None:
        return _GOING_AWAY, b""
    return line.end.goodbye.code, line.end.goodbye.reason.encode()


def opening_of(
    path: str, query: Mapping[str, str], headers: Mapping[str, str], subprotocol: str | None
) -> Opening:
    """The parts of the upgrade that a codec may see, without credentials."""
    kept = {name.lower(): value for name, value in headers.items() if name.lower() not in _CREDENTIALS}
    return Opening(path=path, query=dict(query), headers=kept, subprotocol=subprotocol)
