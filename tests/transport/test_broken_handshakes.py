"""Both network transports fail in the same way, whatever answers the handshake."""

from __future__ import annotations

import asyncio

import pytest
from tests.transport.raw_peer import GREETING, PATIENCE_S, RawPeer, Serve, acceptance, raw_peer

from speechwire.errors import ConnectFailed, HandshakeRefused, SpeechwireError
from speechwire.transport import ConnectRequest, new_transport
from speechwire.transport._http import parsed_answer

pytestmark = pytest.mark.usefixtures("quiet", "transport")


def answers(*pieces: bytes, reset: bool = False, read: bool = True) -> Serve:
    """Send these bytes in answer to the request, then end."""

    async def serve(peer: RawPeer) -> None:
        if read:
            await peer.read_request()
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0.01)
        if reset:
            peer.reset()

    return serve


UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
CUT = (ConnectFailed, "the connection ended during the handshake", None)

# What the peer does, the error, what it says (None: it depends on the library), its status.
HANDSHAKES: dict[str, tuple[Serve, type[SpeechwireError], str | None, int | None]] = {
    "FIN": (answers(), *CUT),
    "FIN at once": (answers(read=False), *CUT),
    "RST": (answers(reset=True), *CUT),
    "RST at once": (answers(reset=True, read=False), *CUT),
    "half an answer, FIN": (answers(UPGRADE), *CUT),
    "half an answer, RST": (answers(UPGRADE, reset=True), *CUT),
    "half a line, FIN": (answers(b"HTTP/1.1 1"), *CUT),
    "garbage": (answers(b"\0\xff\xfe no HTTP\r\n\r\n"), ConnectFailed, None, None),
    "garbage in pieces": (
        answers(b"SSH-2.0-", b"OpenSSH_9\r\n", b"\r\n", b"more"),
        ConnectFailed,
        None,
        None,
    ),
    "another accept": (
        answers(UPGRADE + b"Sec-WebSocket-Accept: AAAA\r\n\r\n"),
        ConnectFailed,
        None,
        None,
    ),
    "no accept": (answers(UPGRADE + b"\r\n"), ConnectFailed, None, None),
    "no upgrade": (answers(b"HTTP/1.1 101 Whatever\r\n\r\n"), ConnectFailed, None, None),
    "an old HTTP": (
        answers(b"HTTP/1.0 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
        HandshakeRefused,
        "busy",
        503,
    ),
    "a status without a name": (
        answers(b"HTTP/1.1 522\r\ndg-error: no\r\n\r\n"),
        HandshakeRefused,
        "no",
        522,
    ),
    "a status of its own": (
        answers(b"HTTP/1.1 599 Odd\r\ndg-error: no\r\n\r\n"),
        HandshakeRefused,
        "no",
        599,
    ),
    "a body in chunks": (
        answers(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nwrong \r\n3\r\nkey\r\n0\r\n\r\n"),
        HandshakeRefused,
        "wrong key",
        401,
    ),
    "a page": (
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
        HandshakeRefused,
        "<html>",
        200,
    ),
    "nothing at all": (
        answers(b"HTTP/1.1 204 No Content\r\n\r\n"),
        HandshakeRefused,
        "no reason given",
        204,
    ),
    "another answer behind the body": (
        answers(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy" + UPGRADE + b"\r\n"),
        HandshakeRefused,
        "busy",
        503,
    ),
    "a body cut off": (
        answers(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf"),
        HandshakeRefused,
        "half",
        500,
    ),
}


@pytest.mark.parametrize("fault", HANDSHAKES)
async def test_a_handshake_that_fails(fault: str) -> None:
    serve, kind, said, status = HANDSHAKES[fault]
    async with asyncio.timeout(PATIENCE_S), raw_peer(serve) as listening:
        opening = new_transport()
        with pytest.raises(SpeechwireError) as raised:
            await opening.connect(ConnectRequest(listening.url))
        await opening.aclose()
        await asyncio.sleep(0.05)  # for what a library does behind our back
        assert len(listening.peers) == 1, "one attempt is one connection"
    error = raised.value
    assert type(error) is kind
    assert getattr(error, "status", None) == status
    assert error.retryable is (status != 401)
    assert said is None or str(error).endswith(f": {said}")
    assert "HandshakeError" not in str(error), "what was wrong is said, and not just that something was"


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </secret-path>\r\n\r\n"


def hints(early: bytes) -> Serve:
    """Accept, behind these informational answers."""

    async def serve(peer: RawPeer) -> None:
        await peer.send(early + acceptance(await peer.read_request(), "X-Private: theirs") + GREETING)
        await peer.stay()

    return serve


@pytest.mark.parametrize("early", [EARLY, b"HTTP/1.1 100 Continue\r\n\r\n", EARLY * 15])
async def test_informational_answers(early: bytes, transport: str) -> None:
    """aiohttp skips them. picows cannot: a failure that is tried again and quotes nothing."""
    async with asyncio.timeout(PATIENCE_S), raw_peer(hints(early)) as listening:
        opening = new_transport()
        if transport == "aiohttp":
            connection = await opening.connect(ConnectRequest(listening.url))
            assert await connection.receive() == "hello"
        else:
            with pytest.raises(ConnectFailed) as raised:
                await opening.connect(ConnectRequest(listening.url))
            status = early[9:12].decode()
            said = f"HTTP {status} came before the answer: the aiohttp transport skips it, picows cannot"
            assert (raised.value.cause, raised.value.retryable) == (said, True)
        await opening.aclose()


@pytest.mark.parametrize("count", [16, 50_000])
async def test_informational_answers_without_end(count: int) -> None:
    """Their number is bounded, and the time until that is seen."""
    async with asyncio.timeout(PATIENCE_S), raw_peer(hints(EARLY * count)) as listening:
        opening = new_transport()
        with pytest.raises(ConnectFailed) as raised:
            await opening.connect(ConnectRequest(listening.url, connect_timeout_s=PATIENCE_S))
        await opening.aclose()
    assert raised.value.retryable
    assert "secret-path" not in str(raised.value)
    assert "theirs" not in str(raised.value)


@pytest.mark.parametrize("size", ["9" * 5000, "-1", "\u0661", "1, 2", ""])
def test_a_size_that_is_none_leaves_the_body_whole(size: str) -> None:
    answer = parsed_answer(f"HTTP/1.1 503 Busy\r\nContent-Length: {size}".encode(), b"busy")
    assert answer is not None
    assert answer.body == b"busy"


async def test_headers_without_an_end_are_not_kept() -> None:
    sent = 0

    async def serve(peer: RawPeer) -> None:
        nonlocal sent
        await peer.send(UPGRADE)
        while sent < 1 << 26:
            await peer.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            sent += 1000

    async with asyncio.timeout(PATIENCE_S), raw_peer(serve) as listening:
        opening = new_transport()
        with pytest.raises(ConnectFailed):
            await opening.connect(ConnectRequest(listening.url, connect_timeout_s=5))
        await opening.aclose()
    assert sent < 1 << 25
