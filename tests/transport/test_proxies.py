"""Proxies mean the same on both network transports."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from tests.transport.raw_peer import RawPeer, raw_peer
from tests.transport.reaching import (
    KEY,
    client_side,
    failure,
    greet,
    greeting,
    server_side,
)

from speechwire.errors import (
    ConnectFailed,
    InvalidArgument,
    InvalidArgumentType,
)
from speechwire.transport._proxy import Proxies

pytestmark = pytest.mark.usefixtures("no_proxy", "quiet")


@asynccontextmanager
async def http_proxy(
    port: int, answer: bytes | None = None, early: bytes = b""
) -> AsyncIterator[tuple[str, list[RawPeer]]]:
    """A proxy that connects whoever asks to this port, or gives this answer; its place, and who came.

    What is `early` it sends before, and a byte at a time.
    """

    async def serve(peer: RawPeer) -> None:
        await peer.read_request()
        if answer is not None:
            for at in range(len(answer)):
                await peer.send(answer[at : at + 1])
            return
        for at in range(len(early)):
            await peer.send(early[at : at + 1])
        await peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
        await splice(peer, port)

    async with raw_peer(serve) as listening:
        yield f"127.0.0.1:{listening.port}", listening.peers


async def splice(peer: RawPeer, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()

    copies = [asyncio.create_task(copy(peer.reader, writer)), asyncio.create_task(copy(reader, peer.writer))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in copies:
            each.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        writer.close()


@asynccontextmanager
async def service(scheme: str, authority: trustme.CA) -> AsyncIterator[tuple[str, int, ssl.SSLContext]]:
    """A service that only a proxy can find; its URL, its port, and what to trust."""
    context = server_side(authority, "service.test") if scheme == "wss" else None
    async with raw_peer(greet, context) as listening:
        yield f"{scheme}://service.test/v1/listen", listening.port, client_side(authority)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("how", ["argument", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "bare"])
async def test_an_http_proxy_tunnels(
    make: Any, scheme: str, how: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``HTTPS_PROXY`` is for ``wss``, ``HTTP_PROXY`` for ``ws``; only the service sees the key."""
    async with service(scheme, authority) as (url, port, trust), http_proxy(port) as (place, peers):
        if how == "bare":
            monkeypatch.setenv("all_proxy", place)
        elif how != "argument":
            monkeypatch.setenv(how, f"http://{place}")
        transport = make(ssl=trust, proxy=f"http://{place}" if how == "argument" else None)
        if (scheme, how) in {("ws", "HTTPS_PROXY"), ("wss", "HTTP_PROXY")}:
            error = await failure(transport, url)
            assert isinstance(error, ConnectFailed)
            assert peers == []
            return
        await greeting(transport, url)
    (peer,) = peers
    target = "service.test:443" if scheme == "wss" else "service.test:80"
    lines = peer.request.decode().split("\r\n")
    assert lines[:2] == [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    assert KEY.encode() not in peer.request
    assert b"Authorization" not in peer.request


@pytest.mark.parametrize("count", [1, 20])
async def test_informational_answers_of_a_proxy_are_skipped(make: Any, count: int) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * count
    async with raw_peer(greet) as listening, http_proxy(listening.port, early=early) as (place, peers):
        await greeting(make(proxy=f"http://{place}"), listening.url)
    assert len(peers) == 1


async def test_informational_answers_of_a_proxy_have_an_end(make: Any) -> None:
    early = b"HTTP/1.1 103 Hints\r\n\r\n" * 1000
    async with raw_peer(greet) as listening, http_proxy(listening.port, early) as (place, _):
        error = await failure(make(proxy=f"http://{place}"), listening.url)
    assert isinstance(error, ConnectFailed)
    assert error.retryable


async def test_the_environment_counts_for_nothing_unless_it_is_trusted(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_peer(greet) as listening, http_proxy(listening.port) as (place, peers):
        monkeypatch.setenv("ALL_PROXY", f"http://{place}")
        error = await failure(make(trust_env=False), "ws://service.test/")
        await greeting(make(), listening.url)  # loopback, which no proxy could reach
        assert peers == []
        await greeting(make(proxy=f"http://{place}"), listening.url)
    assert isinstance(error, ConnectFailed)
    assert len(peers) == 1


async def test_the_proxy_is_told_who_we_are_and_nobody_else_is(make: Any, authority: trustme.CA) -> None:
    async with service("wss", authority) as (url, port, trust), http_proxy(port) as (place, peers):
        transport = make(ssl=trust, proxy=f"http://us%40er:p%3Ass-word%21@{place}")
        assert "p:ss-word!" not in f"{transport!r} {vars(transport)}"
        await greeting(transport, url)
    expected = base64.b64encode(b"us@er:p:ss-word!").decode()
    assert f"Proxy-Authorization: Basic {expected}" in peers[0].request.decode().split("\r\n")


REFUSALS = {
    407: (b"HTTP/1.1 407 Who is us@er:pass-word?\r\n\r\n", "HTTP 407 Who is (hidden)?", False),
    403: (b"HTTP/1.0 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden", False),
    429: (b"HTTP/1.1 429 Busy\r\n\r\n", "HTTP 429 Busy", True),
    502: (b"HTTP/1.1 502\r\n\r\n", "HTTP 502", True),
}


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_proxy_that_refuses(make: Any, status: int) -> None:
    answer, said, retryable = REFUSALS[status]
    async with http_proxy(0, answer) as (place, peers):
        error = await failure(make(proxy=f"http://us%40er:pass-word@{place}"), "wss://service.test/?q=s3cret")
    assert isinstance(error, ConnectFailed)
    assert error.cause == f"the proxy http://{place} refused: {said}"
    assert error.url == "wss://service.test/"
    assert error.retryable is retryable
    assert len(peers) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"220 smtp.test ESMTP\r\n\r\n", b"\0" * 99])
async def test_a_proxy_that_is_none(make: Any, answer: bytes) -> None:
    async with http_proxy(0, answer) as (place, _):
        error = await failure(make(proxy=f"http://{place}"), "wss://service.test/")
    assert isinstance(error, ConnectFailed)
    assert error.cause == f"the proxy http://{place} gave no answer that can be understood"
    assert error.retryable


async def test_a_proxy_that_is_not_there(make: Any) -> None:
    for scheme in ("http", "socks5"):
        error = await failure(make(proxy=f"{scheme}://user:pass-word@127.0.0.1:1"), "wss://service.test/")
        assert isinstance(error, ConnectFailed)
        assert error.cause.startswith(f"the proxy {scheme}://127.0.0.1:1 cannot be reached: ")
        assert "pass-word" not in str(error)
        assert error.retryable


@asynccontextmanager
async def socks_proxy(port: int, reply: int = 0) -> AsyncIterator[tuple[str, list[str]]]:
    """SOCKS 5 with user and password; its place, and what it was told."""
    told: list[str] = []

    async def serve(peer: RawPeer) -> None:
        _, count = await peer.reader.readexactly(2)
        methods = await peer.reader.readexactly(count)
        await peer.send(b"\5\2" if 2 in methods else b"\5\0")
        if 2 in methods:
            await peer.reader.readexactly(1)
            told.append(":".join([await read_text(peer), await read_text(peer)]))
            await peer.send(b"\1\0")
        await peer.reader.readexactly(4)
        told.append(await read_text(peer))
        await peer.reader.readexactly(2)
        await peer.send(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not reply:
            await splice(peer, port)

    async with raw_peer(serve) as listening:
        yield f"127.0.0.1:{listening.port}", told


async def read_text(peer: RawPeer) -> str:
    (size,) = await peer.reader.readexactly(1)
    return (await peer.reader.readexactly(size)).decode()


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("socks5://{}", ["service.test"]),
        ("socks5h://user:pass-word@{}", ["user:pass-word", "service.test"]),
    ],
)
async def test_a_socks_proxy_tunnels(
    make: Any,
    scheme: str,
    proxy: str,
    told: list[str],
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with service(scheme, authority) as (url, port, trust), socks_proxy(port) as (place, heard):
        monkeypatch.setenv("ALL_PROXY", proxy.format(place))
        await greeting(make(ssl=trust), url)
    assert heard == told


async def test_a_socks_proxy_that_refuses(make: Any) -> None:
    async with socks_proxy(0, reply=2) as (place, _):
        error = await failure(make(proxy=f"socks5://{place}"), "wss://service.test/")
    assert isinstance(error, ConnectFailed)
    assert error.cause.startswith(f"the proxy socks5://{place} refused: ")


@pytest.mark.parametrize(
    "proxy",
    [
        "",
        "proxy.test:3128",
        "http://[::1",
        "https://user:s3cret@proxy.test",
        "ftp://proxy.test",
        "http://",
        "http://h:x",
    ],
)
def test_what_is_no_proxy_is_refused(make: Any, proxy: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        make(proxy=proxy)
    assert raised.value.argument == "proxy"
    assert (raised.value.value == "no URL") is (proxy in ("http://[::1", "http://h:x"))
    assert raised.value.allowed == ("http://, socks4:// or socks5://host:port, with or without user:password")
    assert "s3cret" not in str(raised.value)
    with pytest.raises(InvalidArgumentType, match="^proxy must be a str, got int$"):
        make(proxy=3128)


async def test_the_environment_is_told_by_name(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://user:s3cret@proxy.test")
    error = await failure(make(), "wss://service.test/")
    assert str(error).startswith("HTTPS_PROXY must be http://")
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "place", "user"),
    [
        ("http://a.test", "http", "a.test", 80, "http://a.test:80", None),
        ("http://a.test:3128/", "http", "a.test", 3128, "http://a.test:3128", None),
        (" socks4://a.test\n", "socks4", "a.test", 1080, "socks4://a.test:1080", None),
        ("socks5://a.test", "socks5", "a.test", 1080, "socks5://a.test:1080", None),
        ("socks5h://a.test:1", "socks5", "a.test", 1, "socks5://a.test:1", None),
        ("http://[fd00::1]:8080", "http", "fd00::1", 8080, "http://[fd00::1]:8080", None),
        ("http://u@a.test", "http", "a.test", 80, "http://a.test:80", "u:"),
        ("http://u%40:p%3A:w@a.test", "http", "a.test", 80, "http://a.test:80", "u@:p::w"),
    ],
)
def test_what_the_url_of_a_proxy_says(
    url: str, scheme: str, host: str, port: int, place: str, user: str | None
) -> None:
    proxy = Proxies(url, trust_env=False).choose("wss://service.test/")
    assert proxy is not None
    assert (proxy.scheme, proxy.host, proxy.port, proxy.place) == (scheme, host, port, place)
    assert (proxy.user and proxy.user.reveal()) == user
    if user is None:
        assert (proxy.authorization, proxy.secrets) == (None, ())
    else:
        coded = base64.b64encode(user.encode()).decode()
        told = [secret.reveal() for secret in proxy.secrets]
        assert told == [user, user.partition(":")[2], f"Basic {coded}"]


@pytest.mark.parametrize(
    ("no_proxy", "url", "exempt"),
    [
        ("", "wss://api.test/", False),
        ("*", "wss://api.test/", True),
        ("api.test", "wss://api.test/", True),
        ("test", "wss://api.test/", True),
        (".test", "wss://api.test/", True),
        ("pi.test", "wss://api.test/", False),
        ("other.test, api.test", "wss://api.test/", True),
        ("api.test:443", "wss://api.test/", True),
        ("api.test:8443", "wss://api.test/", False),
        ("10.0.0.0/8", "wss://10.1.2.3/", True),
        ("10.0.0.0/8", "wss://11.1.2.3/", False),
        ("10.0.0.0/8,junk/99", "ws://[::ffff:1]:80/", False),
        ("junk/99, 10.0.0.0/8", "wss://10.1.2.3/", True),
        ("fd00::/8", "ws://[fd00::1]:80/", True),
        ("", "ws://localhost:8080/", True),
        ("", "ws://127.3.2.1:8080/", True),
        ("", "ws://[::1]:8080/", True),
        ("", "ws://0.0.0.0:8080/", False),
    ],
)
def test_what_goes_past_the_proxy(
    no_proxy: str, url: str, exempt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    chosen = Proxies(None, trust_env=True).choose(url)
    assert (chosen is None) is exempt
    if chosen is not None:
        assert (chosen.host, chosen.port, chosen.place) == ("proxy.test", 3128, "http://proxy.test:3128")
    assert Proxies("http://given.test", trust_env=True).choose(url) is not None
