"""Opening connections: the credential, the deadline, and trying again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from speechwire.errors import ConnectFailed, SpeechwireError
from speechwire.session._credential import Credential
from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.session.events import Reconnecting
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.metrics import ListenStats, SpeakStats
from speechwire.transport import ConnectRequest, Secret, Transport, WebSocket, shared_transport
from speechwire.transport.base import without_query

__all__ = ["Dialer", "Dialing"]


@dataclass(slots=True)
class Dialing:
    """How to reach the service; what both kinds of session need to know.

    Args:
        credential: Asked at each attempt.
        transport: ``None`` takes a share of the event loop's.
        limiter: Shared with other sessions, if any.
        uniform: Source of jitter.
    """

    credential: Credential
    transport: Transport | None = None
    limiter: ConnectionLimiter | None = None
    uniform: Callable[[float, float], float] = random.uniform


class Dialer:
    """Opens connections until one works or it is time to give up. Made inside the event loop.

    Args:
        dialing: How to reach the service.
        policy: How patient to be.
        connect_timeout_s: Deadline of the credential, and again of the connection.
        stats: Counted into.
    """

    def __init__(
        self,
        dialing: Dialing,
        policy: BackoffPolicy,
        connect_timeout_s: float,
        stats: ListenStats | SpeakStats,
    ) -> None:
        self.backoff = Backoff(policy, uniform=dialing.uniform)
        self._dialing = dialing
        self._connect_timeout_s = connect_timeout_s
        self._stats = stats
        self._lease = None if dialing.transport else shared_transport()

    async def open(self, url: str, on_retry: Callable[[Reconnecting], None]) -> WebSocket:
        """Open a connection, waiting between attempts.

        Args:
            url: Where to.
            on_retry: Told before each wait.

        Raises:
            HandshakeRefused: Permanently, or too often.
            ConnectFailed: Too often.
        """
        while True:
            try:
                return await self._limited(url)
            except SpeechwireError as error:
                self._stats.refused += 1
                delay_s = self.backoff.refused(error)
                if delay_s is None:
                    raise
                on_retry(Reconnecting(attempt=self.backoff.attempts, delay_s=delay_s, error=error))
            await asyncio.sleep(delay_s)

    async def aclose(self) -> None:
        """Give back the share of the event loop's transport."""
        if self._lease is not None:
            await self._lease.aclose()

    async def _limited(self, url: str) -> WebSocket:
        limiter = self._dialing.limiter
        if limiter is None:
            return await self._attempt(url)
        await limiter.admit()
        try:
            connection = await self._attempt(url)
        except BaseException as error:
            limiter.failed(error)
            raise
        return limiter.opened(connection)

    async def _attempt(self, url: str) -> WebSocket:
        headers = await self._headers(url)
        loop = asyncio.get_running_loop()
        began = loop.time()
        transport = self._dialing.transport or self._lease
        assert transport is not None
        connection = await transport.connect(
            ConnectRequest(url, headers, connect_timeout_s=self._connect_timeout_s)
        )
        self._stats.connections += 1
        self._stats.connect.record(loop.time() - began)
        return connection

    async def _headers(self, url: str) -> dict[str, Secret]:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._dialing.credential.headers(url)
        except TimeoutError:
            cause = f"no credential within {self._connect_timeout_s:g} s"
        raise ConnectFailed(without_query(url), cause)
