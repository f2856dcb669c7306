"""The default transport, on aiohttp, which it imports with the first connection."""

from __future__ import annotations

from speechwire.transport._network import Client, NetworkTransport

__all__ = ["AiohttpTransport"]


class AiohttpTransport(NetworkTransport):
    """WebSockets through one aiohttp session: one connector, DNS cache and TLS context for all connections.

    Made anywhere, bound to the event loop that opens the first connection.

    Args:
        ssl: TLS settings; by default the system's certificate authorities, verified.
        proxy: URL of an HTTP or SOCKS proxy for all connections; ``None`` for what the environment says.
        trust_env: Whether ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count.

    Raises:
        InvalidArgument: `proxy` is no URL of a proxy.
        InvalidArgumentType: `ssl` is no context.
    """

    def _new_client(self) -> Client:
        from speechwire.transport._aiohttp import AiohttpClient  # noqa: PLC0415  # see NetworkTransport

        return AiohttpClient()
