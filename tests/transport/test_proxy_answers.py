"""How much of a proxy's answer is read, and what it means."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from tests.transport.raw_peer import GREETING, RawPeer, Serve, acceptance, raw_peer
from tests.transport.reaching import failure, greeting

from speechwire.errors import ConnectFailed

pytestmark = pytest.mark.usefixtures("no_proxy", "quiet")

MOST_BYTES = 16 * 1024
ACCEPTED = b"HTTP/1.1 200 Connection established\r\n"
URL = "ws://service.test/"


def proxy_and_service(*pieces: bytes) -> Serve:
    """Answer in these pieces, then be the service; or whatever the client makes of it."""

    async def serve(peer: RawPeer) -> None:
        assert b"User-Agent: speechwire\r\n" in await peer.read_request()
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0.02)
        await peer.send(acceptance(await peer.read_request()) + GREETING)
        await peer.stay()

    return serve


def padded(size: int) -> bytes:
    """The head of an answer of this size, without its end."""
    head = ACCEPTED + b"X-Filler: "
    return head + b"x" * (size - len(head))


async def test_an_answer_may_have_16_kibibytes(make: Any) -> None:
    head = padded(MOST_BYTES - 4)
    async with raw_peer(proxy_and_service(head + b"\r\n\r", b"\n")) as listening:
        await greeting(make(proxy=f"http://127.0.0.1:{listening.port}"), URL)


@pytest.mark.parametrize("sent", [padded(MOST_BYTES), b"HTTP/1.1 103 Hints\r\n\r\n" * 1000])
async def test_an_answer_without_an_end_is_read_no_further(make: Any, sent: bytes) -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.read_request()
        await peer.send(sent)
        await peer.stay()

    async with raw_peer(serve) as listening:
        error = await failure(make(proxy=f"http://127.0.0.1:{listening.port}"), URL)
    assert isinstance(error, ConnectFailed)
    assert error.cause.endswith(" gave no answer that can be understood")


@pytest.mark.parametrize("status", [300, 302])
async def test_a_proxy_that_sends_us_elsewhere_refuses(make: Any, status: int) -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.read_request()
        await peer.send(f"HTTP/1.1 {status} Elsewhere\r\n\r\n".encode())

    async with raw_peer(serve) as listening:
        error = await failure(make(proxy=f"http://127.0.0.1:{listening.port}"), URL)
    assert isinstance(error, ConnectFailed)
    assert error.cause.endswith(f" refused: HTTP {status} Elsewhere")


async def test_a_socks_proxy_without_its_package(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    error = await failure(make(proxy="socks5://127.0.0.1:1"), URL)
    assert isinstance(error, ConnectFailed)
    assert error.cause == ("a SOCKS proxy needs the package python-socks, which comes with the extra 'fast'")
    assert not error.retryable
