"""What a network transport does where it is told nothing, or what it cannot do."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.transport import AiohttpTransport, ConnectRequest, new_transport
from speechwire.transport.picows_ws import PicowsTransport

MAKERS = pytest.mark.parametrize("make", [AiohttpTransport, PicowsTransport, new_transport])
URLS = ("ws://service.test/a", "wss://service.test/a")


@MAKERS
def test_the_environments_proxy_counts_unless_it_is_told_not_to(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    for url in URLS:
        assert make()._proxies.choose(url).place == "http://proxy.test:3128"
        assert make(proxy="http://own.test:1")._proxies.choose(url).place == "http://own.test:1"
        assert make(trust_env=False)._proxies.choose(url) is None


@MAKERS
def test_a_proxy_has_the_port_of_its_kind(make: Callable[..., Any]) -> None:
    for scheme, place in (
        ("http", "http://a.test:80"),
        ("socks4", "socks4://a.test:1080"),
        ("socks5", "socks5://a.test:1080"),
        ("socks5h", "socks5://a.test:1080"),
    ):
        assert make(proxy=f"{scheme}://a.test")._proxies.choose("ws://service.test").place == place


@MAKERS
def test_certificates_are_the_systems_unless_others_are_given(make: Callable[..., Any]) -> None:
    own = ssl.create_default_context()
    assert (make()._ssl, make(ssl=own)._ssl) == (None, own)
    with pytest.raises(InvalidArgumentType, match=r"^ssl must be an ssl\.SSLContext or None, got bool$"):
        make(ssl=True)


@MAKERS
async def test_certificates_are_read_once_and_only_for_tls(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []
    protocols: list[list[str]] = []

    class Context(ssl.SSLContext):
        def set_alpn_protocols(self, alpn_protocols: Any) -> None:
            protocols.append(alpn_protocols)

    def create() -> ssl.SSLContext:
        made.append(Context(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    transport = make()
    await transport.prepare("ws://service.test/a")  # the library's import reads some for itself
    monkeypatch.setattr(ssl, "create_default_context", create)
    await transport.prepare("ws://service.test/wss:")
    assert (transport._ssl, made) == (None, [])
    clients = []
    for _ in range(2):
        await transport.prepare("wss://service.test/a")
        clients.append(transport._client)
    assert [transport._ssl] == made
    assert protocols == [["http/1.1"]], "this kind of upgrade does not exist in HTTP/2"
    assert clients[0] is clients[1]
    await transport.aclose()
    assert transport._client is None
    await transport.aclose()


@MAKERS
@pytest.mark.parametrize(
    ("proxy", "got"),
    [
        ("ftp://proxy.test", "'ftp://proxy.test'"),
        ("proxy.test:3128", "'proxy.test://'"),
        ("http://", "'http://'"),
        ("//proxy.test", "'no scheme://proxy.test'"),
        ("http://proxy.test:port", "'no URL'"),
    ],
)
def test_what_is_no_proxy_is_told_in_these_words(make: Callable[..., Any], proxy: str, got: str) -> None:
    allowed = "http://, socks4:// or socks5://host:port, with or without user:password"
    with pytest.raises(InvalidArgument) as refused:
        make(proxy=proxy)
    assert str(refused.value) == f"proxy must be {allowed}, got {got}"


async def test_who_is_cancelled_does_not_wait_for_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def new_client(self: AiohttpTransport) -> Any:
        loop.call_soon_threadsafe(begun.set)
        over.wait(20.0)
        return object()

    monkeypatch.setattr(AiohttpTransport, "_new_client", new_client)
    preparing = asyncio.create_task(AiohttpTransport().prepare("ws://service.test"))
    await begun.wait()
    preparing.cancel()
    patience = threading.Timer(10.0, over.set)
    patience.start()
    try:
        await asyncio.wait({preparing})
        assert preparing.cancelled()
        assert not over.is_set(), "the event loop stood still"
    finally:
        patience.cancel()
        over.set()


def test_a_request_shows_neither_its_query_nor_its_headers() -> None:
    request = ConnectRequest("wss://service.test/a?keyterm=private", {"Authorization": "Token s3cret"})
    shown = "connect_timeout_s=10.0, heartbeat_s=20.0, max_message_bytes=4194304"
    assert repr(request) == f"ConnectRequest({shown})"
    with pytest.raises(AttributeError):
        request.url = "wss://another.test"  # type: ignore[misc]
