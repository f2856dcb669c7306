"""The base of the two network transports, which imports their libraries at the first connection."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Protocol

from speechwire.transport._client import checked_tls, default_tls
from speechwire.transport._proxy import Proxies, Proxy
from speechwire.transport._secret import NotCopyable
from speechwire.transport.base import ConnectRequest, WebSocket

__all__ = ["Client", "NetworkTransport"]


class Client(Protocol):
    """Opens connections with one of the libraries."""

    async def connect(
        self, request: ConnectRequest, proxy: Proxy | None, tls: ssl_module.SSLContext | None
    ) -> WebSocket:
        """Open one connection. See :meth:`speechwire.transport.base.Transport.connect`."""

    async def aclose(self) -> None:
        """Release what connections share."""


class NetworkTransport(NotCopyable, ABC):
    """Opens connections with the subclass's client, which is made for the first connection.

    Importing a client's library takes up to half a second, and reading the system's certificates tens of
    milliseconds. A thread does both, so that the event loop is not blocked.
    """

    def __init__(
        self, *, ssl: ssl_module.SSLContext | None = None, proxy: str | None = None, trust_env: bool = True
    ) -> None:
        self._ssl = checked_tls(ssl)
        self._proxies = Proxies(proxy, trust_env=trust_env)
        self._client: Client | None = None
        self._preparing = Lock()

    @abstractmethod
    def _new_client(self) -> Client:
        """Import the library, and make its client."""

    async def prepare(self, url: str) -> None:
        """Import the library and read the certificates now, in a thread. Servers do this when they start.

        Args:
            url: The URL of later connections. Certificates are read only for ``wss://``.
        """
        await self._prepared(url)

    async def connect(self, request: ConnectRequest) -> WebSocket:
        """Open one connection. See :meth:`speechwire.transport.base.Transport.connect`."""
        client = await self._prepared(request.url)
        return await client.connect(request, self._proxies.choose(request.url), self._ssl)

    async def aclose(self) -> None:
        """Close the connections that are still open, and what they share."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _prepared(self, url: str) -> Client:
        needs_tls = url.startswith("wss:")
        if self._client is not None and (self._ssl is not None or not needs_tls):
            return self._client
        # In a thread that ends afterwards: threads of the event loop's own pool stay alive.
        pool = ThreadPoolExecutor(max_workers=1)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, self._made, needs_tls)
        finally:
            pool.shutdown(wait=False)

    def _made(self, needs_tls: bool) -> Client:
        """Return the client and make it and its TLS context if needed. All connections share both."""
        with self._preparing:
            if self._client is None:
                self._client = self._new_client()
            if needs_tls and self._ssl is None:
                self._ssl = default_tls()
            return self._client
