"""The fast transport, on picows, an optional dependency, which it imports with the first connection."""

from __future__ import annotations

import ssl as ssl_module
from importlib.util import find_spec

from speechwire.transport._network import Client, NetworkTransport

__all__ = ["PicowsTransport"]


class PicowsTransport(NetworkTransport):
    """WebSockets through picows.

    Args:
        ssl: TLS settings; by default the system's certificate authorities, verified.
        proxy: URL of an HTTP or SOCKS proxy for all connections; ``None`` uses the environment's.
        trust_env: Whether ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count.

    Raises:
        InvalidArgument: `proxy` is not the URL of a proxy.
        InvalidArgumentType: `ssl` is not an `ssl.SSLContext`.
        ImportError: picows is not installed.
    """

    def __init__(
        self, *, ssl: ssl_module.SSLContext | None = None, proxy: str | None = None, trust_env: bool = True
    ) -> None:
        self.check_installed()
        super().__init__(ssl=ssl, proxy=proxy, trust_env=trust_env)

    @staticmethod
    def check_installed() -> None:
        """Raise ImportError if picows is not installed."""
        if find_spec("picows") is None:
            raise ImportError("the picows transport needs the package picows, which the extra 'fast' brings")

    def _new_client(self) -> Client:
        from speechwire.transport._picows import PicowsClient  # noqa: PLC0415  # see NetworkTransport

        return PicowsClient()
