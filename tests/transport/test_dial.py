"""A connected socket: which addresses are tried, in which order, and what a SOCKS proxy is asked."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from python_socks.async_.asyncio import Proxy as SocksProxy
from tests.transport.raw_peer import PATIENCE_S, RawPeer, raw_peer

from speechwire.transport import ConnectRequest
from speechwire.transport._dial import _literal, dial
from speechwire.transport._proxy import Proxy

REQUEST = ConnectRequest("ws://service.test/", connect_timeout_s=PATIENCE_S)
STREAM, TCP = socket.SOCK_STREAM, socket.IPPROTO_TCP


class Network:
    """Stands in for the loop's resolver and for its connecting.

    Args:
        hosts: The addresses of every name.
        silent: Those of them that do not answer; the others refuse.

    Attributes:
        tried: In order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *hosts: str, silent: tuple[str, ...] = ()) -> None:
        self.tried: list[str] = []
        self._hosts, self._silent = hosts, silent
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", self._resolve)
        monkeypatch.setattr(loop, "sock_connect", self._connect)

    async def _resolve(self, host: str, port: int, *, type: int) -> list[Any]:
        assert (host, type) == ("service.test", STREAM)
        return [each for address in self._hosts for each in _literal(address, port)]

    async def _connect(self, sock: socket.socket, place: tuple[Any, ...]) -> None:
        self.tried.append(place[0])
        if place[0] in self._silent:
            await asyncio.sleep(PATIENCE_S)
        raise ConnectionRefusedError


@pytest.mark.parametrize(
    ("host", "family", "place"),
    [
        ("127.0.0.1", socket.AF_INET, ("127.0.0.1", 80)),
        ("::1", socket.AF_INET6, ("::1", 80, 0, 0)),
    ],
)
def test_an_address_is_its_own(host: str, family: int, place: Any) -> None:
    assert _literal(host, 80) == [(family, STREAM, TCP, "", place)]
    assert _literal("service.test", 80) == []


async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("asyncio.base_events.BaseEventLoop.getaddrinfo")
    async with raw_peer(RawPeer.stay) as listening:
        (await dial(REQUEST, "127.0.0.1", listening.port, None)).close()


@pytest.mark.parametrize("silent", [(), ("::1",), ("::1", "127.0.0.1")])
async def test_the_families_take_turns_and_none_holds_up_the_next(
    silent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(monkeypatch, "::1", "::2", "::3", "127.0.0.1", silent=silent)
    dialing = asyncio.create_task(dial(REQUEST, "service.test", 80, None))
    async with asyncio.timeout(PATIENCE_S / 2):
        while len(network.tried) < 4:
            await asyncio.sleep(0.01)
    dialing.cancel()
    await asyncio.wait({dialing})
    assert network.tried == ["::1", "127.0.0.1", "::2", "::3"]


async def test_an_old_socks_proxy_is_told_the_name() -> None:
    """The address is for the proxy to look up: here it may have no meaning."""
    told: list[bytes] = []

    async def serve(peer: RawPeer) -> None:
        await peer.reader.readexactly(8)
        told.extend([await peer.reader.readuntil(b"\0") for _ in range(2)])
        await peer.send(b"\0\x5a" + bytes(6))
        await peer.stay()

    async with raw_peer(serve) as listening:
        proxy = Proxy("socks4", "127.0.0.1", listening.port)
        (await dial(REQUEST, "service.test", 80, proxy)).close()
    assert told == [b"\0", b"service.test\0"]


async def test_a_socks_proxy_has_as_long_as_the_whole_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []

    async def connect(self: object, host: str, port: int, timeout: float | None = None) -> socket.socket:
        given.append(timeout)
        return socket.socket()

    monkeypatch.setattr(SocksProxy, "connect", connect)
    (await dial(REQUEST, "service.test", 80, Proxy("socks5", "127.0.0.1", 1))).close()
    assert given == [PATIENCE_S]
