"""Opens a connection: limiter, credential and deadline. One call is one attempt; the caller retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from speechwire.errors import ConnectFailed, InternalError, SpeechwireError
from speechwire.session._credential import Credential
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.metrics import ListenStats, SpeakStats
from speechwire.transport import ConnectRequest, Secret, Transport, WebSocket, shared_transport
from speechwire.transport.base import without_query
from speechwire.transport.shared import check_transport_choice

__all__ = ["Access", "Connector"]


@dataclass(slots=True)
class Access:
    """How to reach the service, for both kinds of session.

    Args:
        credential: Gives the headers for each attempt.
        transport: ``None`` uses the transport that the event loop's sessions share.
        limiter: Shared with other sessions; ``None`` for no limit.
        uniform: The source of jitter, as ``random.uniform``.
    """

    credential: Credential
    transport: Transport | None = None
    limiter: ConnectionLimiter | None = None
    uniform: Callable[[float, float], float] = random.uniform

    def __post_init__(self) -> None:
        # Here and not in the session's task, whose failure no caller would be told.
        if self.transport is None:
            check_transport_choice()


class Connector:
    """Opens connections. Made inside the event loop.

    Args:
        access: How to reach the service.
        connect_timeout_s: The time allowed for the credential, and again for the connection, in seconds.
        stats: The counters to update.
    """

    def __init__(self, access: Access, connect_timeout_s: float, stats: ListenStats | SpeakStats) -> None:
        self._access = access
        self._connect_timeout_s = connect_timeout_s
        self._stats = stats
        self._lease = None if access.transport else shared_transport()

    async def open(self, url: Callable[[], str], *, borrowed: bool = False) -> WebSocket:
        """Wait for the limiter, then open a connection.

        Args:
            url: Returns the URL. Called when the attempt begins, so that the URL has the options wanted then.
            borrowed: Whether the connection uses a place from :meth:`borrow`.

        Raises:
            HandshakeRefused: The service refused.
            ConnectFailed: It could not be reached within the deadline, or there is no credential.
            InternalError: The transport raised an unexpected exception.
        """
        try:
            return await self._limited(url, borrowed)
        except SpeechwireError:
            self._stats.refused += 1
            raise
        except Exception as fault:
            self._stats.refused += 1
            failure = InternalError(fault)
        raise failure

    def borrow(self) -> AbstractAsyncContextManager[None]:
        """Borrow a place beyond the limit, for the time in which one connection replaces another."""
        limiter = self._access.limiter
        return nullcontext() if limiter is None else limiter.borrow()

    def hand_over(self, old: WebSocket, new: WebSocket) -> None:
        """Give the place of `old` to `new`, which was opened in a borrowed place."""
        if self._access.limiter is not None:
            self._access.limiter.hand_over(old, new)

    async def aclose(self) -> None:
        """Release the shared transport."""
        if self._lease is not None:
            await self._lease.aclose()

    async def _limited(self, url: Callable[[], str], borrowed: bool) -> WebSocket:
        limiter = self._access.limiter
        if limiter is None:
            return await self._attempt(url())
        await limiter.admit(borrowed=borrowed)
        try:
            websocket = await self._attempt(url())
        except BaseException as error:
            limiter.failed(error, borrowed=borrowed)
            raise
        return limiter.opened(websocket, borrowed=borrowed)

    async def _attempt(self, url: str) -> WebSocket:
        headers = await self._headers(url)
        loop = asyncio.get_running_loop()
        began = loop.time()
        transport = self._access.transport or self._lease
        assert transport is not None
        request = ConnectRequest(url, headers, connect_timeout_s=self._connect_timeout_s)
        websocket = await transport.connect(request)
        self._stats.connections += 1
        self._stats.connect.record(loop.time() - began)
        return websocket

    async def _headers(self, url: str) -> dict[str, Secret]:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._access.credential.headers(url)
        except TimeoutError:
            cause = f"no credential within {self._connect_timeout_s:g} s"
        raise ConnectFailed(without_query(url), cause)
