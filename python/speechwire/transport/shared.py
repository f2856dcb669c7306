"""The default transport, and one instance of it for all sessions of an event loop."""

from __future__ import annotations

import asyncio
import os
import ssl as ssl_module
from collections.abc import MutableMapping
from importlib.util import find_spec
from typing import Final
from weakref import WeakKeyDictionary

from speechwire.errors import ConnectFailed, InvalidArgument
from speechwire.transport._secret import NotCopyable
from speechwire.transport.aiohttp_ws import AiohttpTransport
from speechwire.transport.base import ConnectRequest, Transport, WebSocket, without_query
from speechwire.transport.picows_ws import PicowsTransport

__all__ = [
    "TRANSPORT_VARIABLE",
    "check_transport_choice",
    "new_transport",
    "shared_transport",
    "transport_name",
]

TRANSPORT_VARIABLE: Final = "SPEECHWIRE_TRANSPORT"
"""Environment variable that chooses the transport: ``auto``, ``aiohttp`` or ``picows``."""

_CHOICES = ("auto", "aiohttp", "picows")


def transport_name() -> str:
    """The transport :func:`new_transport` makes: ``"picows"`` where it is installed, else ``"aiohttp"``.

    Raises:
        InvalidArgument: ``SPEECHWIRE_TRANSPORT`` is none of the three.
    """
    wanted = os.environ.get(TRANSPORT_VARIABLE) or "auto"
    if wanted not in _CHOICES:
        raise InvalidArgument(TRANSPORT_VARIABLE, wanted, f"one of {', '.join(_CHOICES)}")
    if wanted == "auto":
        return "aiohttp" if find_spec("picows") is None else "picows"
    return wanted


def check_transport_choice() -> None:
    """Check what :func:`shared_transport` will need, where there is no event loop yet.

    Raises:
        InvalidArgument: ``SPEECHWIRE_TRANSPORT`` is none of the three.
        ImportError: It asks for picows, which is not installed.
    """
    if os.environ.get(TRANSPORT_VARIABLE) and transport_name() == "picows":
        PicowsTransport.check_installed()


def new_transport(
    *, ssl: ssl_module.SSLContext | None = None, proxy: str | None = None, trust_env: bool = True
) -> AiohttpTransport | PicowsTransport:
    """Make the default transport: on picows if the extra ``fast`` is installed, else on aiohttp.

    The library is imported later, in a thread: at the first connection or in ``prepare``.

    Args:
        ssl: TLS settings; by default the system's certificate authorities, verified.
        proxy: URL of an HTTP or SOCKS proxy for all connections; ``None`` uses the environment's.
        trust_env: Whether ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count.

    Raises:
        InvalidArgument: ``SPEECHWIRE_TRANSPORT`` is none of ``auto``, ``aiohttp`` and ``picows``, or `proxy`
            is not the URL of a proxy.
        InvalidArgumentType: `ssl` is not an `ssl.SSLContext`.
        ImportError: ``SPEECHWIRE_TRANSPORT`` asks for picows, which is not installed.
    """
    transport = AiohttpTransport if transport_name() == "aiohttp" else PicowsTransport
    return transport(ssl=ssl, proxy=proxy, trust_env=trust_env)


class _Lease(NotCopyable):
    """One user's lease of the transport that all sessions of an event loop share."""

    def __init__(self, shared: _Shared) -> None:
        self._shared: _Shared | None = shared
        shared.users += 1

    async def connect(self, request: ConnectRequest) -> WebSocket:
        if self._shared is None:
            raise ConnectFailed(without_query(request.url), "the transport has been closed")
        return await self._shared.transport.connect(request)

    async def aclose(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.release()


class _Shared:
    def __init__(self) -> None:
        self.transport = new_transport()
        self.users = 0

    async def release(self) -> None:
        self.users -= 1
        if self.users == 0:
            await self.transport.aclose()


_shared: MutableMapping[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def shared_transport() -> Transport:
    """The running event loop's shared transport: one connector, DNS cache and TLS context for all.

    Returns:
        A lease: close it when done, and the last one closes the connector.
    """
    return _Lease(_shared.setdefault(asyncio.get_running_loop(), _Shared()))
