"""The default transport, on aiohttp, which it imports with the first connection."""

from __future__ import annotations

from speechwire.transport._network import Client, NetworkTransport

__all__ = ["AiohttpTransport"]


class AiohttpTransport(NetworkTransport):
    """WebSockets through one aiohttp session: one connector, DNS cache and TLS context for all connections.

    It can be made outside an event loop, and belongs to the loop that opens the first connection.

    Args:
        ssl: TLS settings; by default the system's certificate authorities, verified.
        proxy: URL of an HTTP or SOCKS proxy for all connections; ``None`` uses the environment's.
        trust_env: Whether ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count.

    Raises:
        InvalidArgument: `proxy` is not the URL of a proxy.
        InvalidArgumentType: `ssl` is not an `ssl.SSLContext`.
    """

    def _new_client(self) -> Client:
        from speechwire.transport._aiohttp import AiohttpClient  # noqa: PLC0415  # see NetworkTransport

        return AiohttpClient()
