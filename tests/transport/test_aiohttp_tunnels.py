"""What aiohttp's connections ask of a proxy, and what they make of the tunnel."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from speechwire.errors import ConnectFailed
from speechwire.transport import _aiohttp
from speechwire.transport._aiohttp import AiohttpClient
from speechwire.transport._proxy import Proxy
from speechwire.transport.base import ConnectRequest


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("ws://service.test/a", "service.test", 80),
        ("wss://service.test/a", "service.test", 443),
        ("ws://service.test:8080", "service.test", 8080),
        ("wss://[fd00::1]:8443", "fd00::1", 8443),
    ],
)
async def test_a_proxy_is_asked_for_the_services_own_port(
    url: str, host: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    proxy = Proxy("http", "proxy.test", 3128)

    async def dial(*where: Any) -> Any:
        asked.append(where[1:])
        raise ConnectFailed(url, "far enough")

    monkeypatch.setattr(_aiohttp, "dial", dial)
    client = AiohttpClient()
    with pytest.raises(ConnectFailed, match="far enough"):
        await client.connect(ConnectRequest(url), proxy, None)
    await client.aclose()
    assert asked == [(host, port, proxy)]


@pytest.mark.parametrize(("scheme", "secure"), [("ws", False), ("wss", True)])
async def test_tls_goes_through_the_tunnel_and_names_the_service(
    scheme: str, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    tls, tunnel = ssl.create_default_context(), object()

    async def dial(*where: Any) -> Any:
        return tunnel

    async def create_connection(factory: Any, **options: Any) -> Any:
        told.update(options)
        raise ConnectFailed("service.test", "far enough")

    monkeypatch.setattr(_aiohttp, "dial", dial)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    client = AiohttpClient()
    with pytest.raises(ConnectFailed, match="far enough"):
        await client.connect(ConnectRequest(f"{scheme}://service.test"), Proxy("http", "proxy.test", 1), tls)
    await client.aclose()
    expected = (
        {"ssl": tls, "server_hostname": "service.test"} if secure else {"ssl": None, "server_hostname": None}
    )
    assert told == {"sock": tunnel, **expected}
