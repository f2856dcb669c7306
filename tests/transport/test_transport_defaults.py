"""What a network transport does where it is told nothing."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from speechwire.errors import InvalidArgumentType
from speechwire.transport import AiohttpTransport, new_transport
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
