"""TLS, redirects and URLs mean the same on both network transports."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import ssl
from typing import Any

import pytest
import trustme
from tests.transport.raw_peer import RawPeer, raw_peer
from tests.transport.reaching import (
    PATIENCE_S,
    client_side,
    failure,
    greet,
    greeting,
    request,
    server_side,
)

from speechwire.errors import (
    ConnectFailed,
    HandshakeRefused,
    InvalidArgument,
    InvalidArgumentType,
)
from speechwire.transport import ConnectRequest

pytestmark = pytest.mark.usefixtures("no_proxy", "quiet")


# TLS


PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
CERTIFICATES: dict[str, tuple[bool, str, dict[str, Any], str]] = {
    "unknown authority": (False, "127.0.0.1", {}, "unable to get local issuer certificate"),
    "another host": (True, "elsewhere.test", {}, "IP address mismatch"),
    "expired": (True, "127.0.0.1", {"not_before": PAST, "not_after": PAST}, "certificate has expired"),
}


@pytest.mark.parametrize("case", CERTIFICATES)
async def test_a_certificate_that_is_not_trusted_stays_so(
    make: Any, case: str, authority: trustme.CA
) -> None:
    known, name, more, said = CERTIFICATES[case]
    served = authority if known else trustme.CA()
    async with raw_peer(greet, server_side(served, name, **more)) as listening:
        error = await failure(make(ssl=client_side(authority)), listening.url)
    assert isinstance(error, ConnectFailed)
    assert error.cause.startswith(f"the certificate is not trusted: {said}")
    assert not error.retryable


async def test_a_certificate_that_is_trusted(make: Any, authority: trustme.CA) -> None:
    async with raw_peer(greet, server_side(authority, "127.0.0.1")) as listening:
        await greeting(make(ssl=client_side(authority)), listening.url)


async def test_the_default_is_to_verify(make: Any, authority: trustme.CA) -> None:
    async with raw_peer(greet, server_side(authority, "127.0.0.1")) as listening:
        error = await failure(make(), listening.url)
    assert isinstance(error, ConnectFailed)
    assert "certificate is not trusted" in error.cause


async def test_what_is_trusted_by_default_is_read_once(
    make: Any, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the system's certificates takes tens of milliseconds; each connection of a call would wait."""
    made: list[ssl.SSLContext] = []

    def read() -> ssl.SSLContext:
        made.append(client_side(authority))
        return made[-1]

    monkeypatch.setattr("speechwire.transport._network.default_tls", read)
    transport = make()
    async with asyncio.timeout(PATIENCE_S), raw_peer(greet, server_side(authority, "127.0.0.1")) as listening:
        for _ in range(2):
            connection = await transport.connect(request(listening.url))
            assert await connection.receive() == "hello"
            connection.abort()
        await transport.aclose()
    assert len(made) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 50])
async def test_no_tls_at_the_other_end(make: Any, answer: bytes) -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.reader.read(1)
        await peer.send(answer)

    async with raw_peer(serve) as listening:
        error = await failure(make(), listening.url.replace("ws:", "wss:"))
        assert len(listening.peers) == 1
    assert isinstance(error, ConnectFailed)
    assert error.retryable
    assert (error.cause == "the connection ended during the handshake") is (answer == b"")


async def test_the_loops_exception_handler_is_the_callers(make: Any) -> None:
    """Whatever it is before, during and after: also where several attempts overlap."""
    seen: list[object] = []
    loop = asyncio.get_running_loop()

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        seen.append(context["message"])

    async def serve(peer: RawPeer) -> None:
        await peer.reader.read(1)
        loop.call_exception_handler({"message": "something else"})

    for ours in (handler, None):
        loop.set_exception_handler(ours)
        async with raw_peer(serve) as listening:
            url = listening.url.replace("ws:", "wss:")
            if ours is None:
                loop.call_later(0.0, loop.set_exception_handler, handler)
            await asyncio.gather(*(failure(make(), url) for _ in range(3)))
        assert loop.get_exception_handler() is handler
    assert seen.count("something else") == 6


@pytest.mark.parametrize("served", [True, False])
async def test_an_attempt_leaves_nothing_in_the_context_it_was_made_in(make: Any, served: bool) -> None:
    """It would be kept for as long as the caller's task, with the key it was made with."""
    before = dict(contextvars.copy_context())
    async with raw_peer(greet) as listening:
        transport = make()
        if served:
            connection = await transport.connect(request(listening.url))
            connection.abort()
        else:
            with pytest.raises(ConnectFailed):
                await transport.connect(request("ws://127.0.0.1:1/", connect_timeout_s=5.0))
        assert dict(contextvars.copy_context()) == before
        await transport.aclose()


@pytest.mark.parametrize("wrong", [False, True, "ca.pem"])
def test_tls_settings_are_a_context(make: Any, wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="ssl must be an ssl.SSLContext or None"):
        make(ssl=wrong)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["the same host", "another host", "no TLS", "nowhere"])
async def test_a_redirect_is_refused_and_named(
    make: Any, status: int, target: str, authority: trustme.CA
) -> None:
    async with raw_peer(greet) as other:
        location = {
            "the same host": "/v2/listen?token=s3cret",
            "another host": f"https://user:s3cret@other.test:{other.port}/v1/listen?token=s3cret",
            "no TLS": f"http://127.0.0.1:{other.port}/v1/listen?token=s3cret",
            "nowhere": None,
        }[target]

        async def redirect(peer: RawPeer) -> None:
            await peer.read_request()
            where = f"Location: {location}\r\n" if location else ""
            head = f"HTTP/1.1 {status} Elsewhere\r\n{where}dg-request-id: r-1\r\nContent-Length: 0\r\n\r\n"
            await peer.send(head.encode())
            await peer.stay()

        async with raw_peer(redirect, server_side(authority, "127.0.0.1")) as listening:
            error = await failure(make(ssl=client_side(authority)), listening.url)
            assert len(listening.peers) == 1
        assert other.peers == []
    named = {
        "the same host": f"wss://127.0.0.1:{listening.port}",
        "another host": f"https://other.test:{other.port}",
        "no TLS": f"http://127.0.0.1:{other.port}",
    }.get(target)
    assert isinstance(error, HandshakeRefused)
    assert (error.status, error.retryable, error.request_id) == (status, False, "r-1")
    said = f"a redirect to {named}, and redirects are not followed" if named else "no reason given"
    assert str(error) == f"the service refused the connection (HTTP {status}): {said} [request r-1]"


# URLs


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1/listen?a=b",
        "/a%2Fb/c%20d?q=%2B+%26&q=&r",
        "/x;y=1?term=caf%C3%A9%7E~!$'()*,",
        "//double//?a?b",
    ],
)
async def test_the_path_and_the_query_go_as_they_are(make: Any, target: str) -> None:
    async with raw_peer(greet) as listening:
        await greeting(make(), f"ws://127.0.0.1:{listening.port}{target}")
        lines = listening.peers[0].request.split(b"\r\n")
    assert lines[0] == f"GET {target} HTTP/1.1".encode()
    assert f"Host: 127.0.0.1:{listening.port}".encode() in lines


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://host/", "a ws:// or wss:// URL with a host"),
        ("ws:///path", "a ws:// or wss:// URL with a host"),
        ("wss://user:s3cret@host/", "free of a user and of a fragment"),
        ("wss://host/#s3cret", "free of a user and of a fragment"),
        ("wss://host/a b?s3cret", "printable ASCII"),
        ("wss://host/é?s3cret", "printable ASCII"),
        ("wss://host/\x7f?s3cret", "printable ASCII"),
    ],
)
def test_what_is_no_url_is_refused_before_anything_is_sent(url: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        ConnectRequest(url)
    assert raised.value.argument == "url"
    assert said in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("value", ["s3cret\r\nX-Other: 1", "s3cret\n", "s3cret\0"])
def test_a_header_stays_one_header(value: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        ConnectRequest("wss://host/", {"Authorization": value})
    assert "s3cret" not in str(raised.value)
