"""A transport to a scripted peer in the same process, for tests of sessions and of code that uses them.

::

    async def serve(peer: MemoryPeer) -> None:
        peer.send('{"type": "Connected", "request_id": "r", "sequence_id": 0}')
        async for frame in peer:
            ...
        peer.close(1011, "NET-0000")

    transport = MemoryTransport(serve)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from speechwire.errors import ConnectFailed, ConnectionLost, SpeechwireError
from speechwire.transport._secret import NotCopyable
from speechwire.transport.base import (
    ABNORMAL,
    CloseEvent,
    ConnectRequest,
    Take,
    WebSocket,
    pull_each,
    without_query,
)

__all__ = ["MemoryPeer", "MemoryTransport"]


class MemoryPeer(NotCopyable):
    """The server's end of one in-memory connection.

    Attributes:
        request: The client's request, including headers.
        number: 0 for the transport's first connection, then 1, ...
        pings: How many WebSocket pings have come.
    """

    def __init__(self, request: ConnectRequest, number: int, window_bytes: int) -> None:
        self.request = request
        self.number = number
        self.pings = 0
        self._to_server = _Pipe(window_bytes)
        self._to_client = _Pipe(None)
        self._accepted: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def accept(self, request_id: str | None = None) -> None:
        """Complete the upgrade. Any other method does it as well, without a request id."""
        if not self._accepted.done():
            self._accepted.set_result(f"memory-{self.number}" if request_id is None else request_id)

    def refuse(self, error: SpeechwireError) -> None:
        """Fail the upgrade with a :class:`HandshakeRefused` or :class:`ConnectFailed`."""
        if not self._accepted.done():  # done if the client has given up
            self._accepted.set_exception(error)
            self._accepted.exception()  # a client that was cancelled does not retrieve it

    def send(self, frame: str | bytes) -> None:
        """Send a frame to the client; nothing happens after the end."""
        self.accept()
        self._to_client.put(frame)

    async def receive(self) -> str | bytes | CloseEvent:
        """Wait for the client's next frame, or its :class:`Close`."""
        self.accept()
        return await self._to_server.get()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the client's frames until it closes."""
        while not isinstance(frame := await self.receive(), CloseEvent):
            yield frame

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame; code 1005 sends one without a status."""
        self.accept()
        self._to_client.end(CloseEvent(code, reason))
        self._to_server.end(CloseEvent(code, reason))

    def reset(self) -> None:
        """Drop the connection as a TCP reset does: frames that the client has not read are lost."""
        self._to_client.clear()
        self.close(ABNORMAL, "connection reset by peer")

    async def accepted(self) -> str | None:
        """Wait for the upgrade's outcome: the request id, or the refusal raised."""
        return await asyncio.shield(self._accepted)


class MemoryTransport(NotCopyable):
    """Connections to a scripted peer.

    Args:
        serve: Runs once per connection. Returning without :meth:`MemoryPeer.close` leaves the connection
            open and silent, as a stalled server does; an exception resets it and is raised by :meth:`aclose`.
        window_bytes: Sending blocks when this many bytes wait to be received by the script.

    Attributes:
        peers: Every connection so far, in order; refused ones included.
    """

    def __init__(
        self, serve: Callable[[MemoryPeer], Awaitable[None]], *, window_bytes: int = 1 << 20
    ) -> None:
        self._serve = serve
        self._window_bytes = window_bytes
        self._tasks: list[asyncio.Task[None]] = []
        self.peers: list[MemoryPeer] = []

    async def connect(self, request: ConnectRequest) -> WebSocket:
        """Start the script for a new connection and wait until it accepts or refuses."""
        peer = MemoryPeer(request, len(self.peers), self._window_bytes)
        self.peers.append(peer)
        self._tasks.append(asyncio.get_running_loop().create_task(self._run(peer)))
        try:
            async with asyncio.timeout(request.connect_timeout_s):
                request_id = await peer.accepted()
        except TimeoutError:
            peer.close(ABNORMAL)
        else:
            return _MemoryConnection(peer, request_id)
        raise ConnectFailed(without_query(request.url), f"no answer within {request.connect_timeout_s:g} s")

    async def aclose(self) -> None:
        """End every script.

        Raises:
            ExceptionGroup: The exceptions that scripts raised.
        """
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("scripted peers failed", failures)

    async def _run(self, peer: MemoryPeer) -> None:
        try:
            await self._serve(peer)
            peer.accept()
        except Exception:
            peer.reset()
            raise


class _MemoryConnection(NotCopyable):
    def __init__(self, peer: MemoryPeer, request_id: str | None) -> None:
        self._peer = peer
        self.request_id = request_id

    async def send(self, frame: str | bytes) -> None:
        await self._peer._to_server.put_when_room(frame)
        self._check_open()

    @property
    def ready(self) -> bool:
        return self._peer._to_server.has_room

    def send_now(self, frame: bytes) -> None:
        self._check_open()
        self._peer._to_server.put(frame)

    async def receive(self) -> str | bytes | CloseEvent:
        return await self._peer._to_client.get()

    async def receive_each(self, take: Take) -> CloseEvent | None:
        return await pull_each(self, take)

    async def ping(self) -> None:
        self._check_open()
        self._peer.pings += 1

    async def aclose(self, code: int = 1000) -> None:
        self._end(CloseEvent(code))

    def abort(self) -> None:
        self._end(CloseEvent(ABNORMAL, "aborted"))

    def _end(self, close: CloseEvent) -> None:
        self._peer._to_server.end(close)
        self._peer._to_client.end(close)

    def _check_open(self) -> None:
        close = self._peer._to_server.closed
        if close is not None:
            raise ConnectionLost(close.code, close.reason, request_id=self.request_id)


class _Pipe:
    """One direction: frames in order, then how it ended."""

    def __init__(self, window_bytes: int | None) -> None:
        self._frames: deque[str | bytes] = deque()
        self._window_bytes = window_bytes
        self._size = 0
        self._changed = asyncio.Event()
        self.closed: CloseEvent | None = None

    def put(self, frame: str | bytes) -> None:
        if self.closed is None:
            self._frames.append(frame)
            self._size += len(frame)
            self._notify()

    @property
    def has_room(self) -> bool:
        return self.closed is None and (self._window_bytes is None or self._size <= self._window_bytes)

    async def put_when_room(self, frame: str | bytes) -> None:
        while self.closed is None and not self.has_room:
            await self._wait()
        self.put(frame)

    async def get(self) -> str | bytes | CloseEvent:
        while not self._frames:
            if self.closed is not None:
                return self.closed
            await self._wait()
        frame = self._frames.popleft()
        self._size -= len(frame)
        self._notify()
        return frame

    def end(self, close: CloseEvent) -> None:
        if self.closed is None:
            self.closed = close
            self._notify()

    def clear(self) -> None:
        self._frames.clear()
        self._size = 0

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self) -> None:
        await self._changed.wait()
