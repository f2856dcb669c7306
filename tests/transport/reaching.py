"""Reaching a service on both network transports: who asks, who answers, what is trusted."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme
from tests.transport.raw_peer import RawPeer, frame

from speechwire.errors import SpeechwireError
from speechwire.transport import AiohttpTransport, ConnectRequest
from speechwire.transport.picows_ws import PicowsTransport

__all__ = [
    "KEY",
    "PATIENCE_S",
    "TRANSPORTS",
    "client_side",
    "failure",
    "greet",
    "greeting",
    "request",
    "server_side",
]

KEY = "0123456789abcdef-very-secret"
TRANSPORTS: dict[str, Any] = {"aiohttp": AiohttpTransport, "picows": PicowsTransport}
PATIENCE_S = 30.0


def request(url: str, **more: float) -> ConnectRequest:
    return ConnectRequest(url, {"Authorization": f"Token {KEY}"}, **more)  # type: ignore[arg-type]


async def greet(peer: RawPeer) -> None:
    await peer.upgrade()
    await peer.send(frame(1, b"hello"))
    await peer.stay()


async def greeting(transport: Any, url: str) -> None:
    """Connect to `greet`."""
    async with asyncio.timeout(PATIENCE_S):
        connection = await transport.connect(request(url))
        assert await connection.receive() == "hello"
        connection.abort()
        await transport.aclose()


async def failure(transport: Any, url: str) -> SpeechwireError:
    """Connect in vain; the key is in none of it."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(SpeechwireError) as raised:
            await transport.connect(request(url, connect_timeout_s=5.0))
        await transport.aclose()
    assert KEY not in f"{raised.value} {raised.value!r} {vars(raised.value)}"
    return raised.value


def server_side(authority: trustme.CA, *names: str, **more: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **more).configure_cert(context)
    return context


def client_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
