"""Opening connections: the credential, the deadline, and trying again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from speechwire.errors import SpeechwireError
from speechwire.session._credential import Credential
from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.session.events import Reconnecting
from speechwire.transport import Connection, Request, Transport

__all__ = ["Dialer", "Governor"]


class Governor(Protocol):
    """What sessions of one process share when they connect."""

    def handshake(self) -> AbstractAsyncContextManager[None]:
        """Wait for permission to open one connection, and hold it during the handshake."""

    def refused(self, error: SpeechwireError, delay_s: float) -> None:
        """Tell the others that the service refused, and how long this session will wait."""


class Dialer:
    """Opens connections to one place until one works or it is time to give up.

    Args:
        transport: What opens them.
        credential: Asked at each attempt.
        policy: How patient to be.
        connect_timeout_s: Deadline of one attempt, the credential included.
        governor: Shared with other sessions, if any.
        uniform: Source of jitter.
    """

    def __init__(
        self,
        transport: Transport,
        credential: Credential,
        policy: BackoffPolicy,
        *,
        connect_timeout_s: float,
        governor: Governor | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.backoff = Backoff(policy, uniform=uniform)
        self._transport = transport
        self._credential = credential
        self._connect_timeout_s = connect_timeout_s
        self._governor = governor

    async def open(self, url: str, on_retry: Callable[[Reconnecting], None]) -> Connection:
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
                async with self._governor.handshake() if self._governor else nullcontext():
                    return await self._attempt(url)
            except SpeechwireError as error:
                delay_s = self.backoff.refused(error)
                if delay_s is None:
                    raise
                if self._governor:
                    self._governor.refused(error, delay_s)
                on_retry(Reconnecting(attempt=self.backoff.attempts, delay_s=delay_s, error=error))
            await asyncio.sleep(delay_s)

    async def _attempt(self, url: str) -> Connection:
        headers = await self._credential.headers(url)
        return await self._transport.connect(Request(url, headers, connect_timeout_s=self._connect_timeout_s))
