"""Both network transports against a plain server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import pytest
import trustme
from aiohttp import web
from tests.transport.plain_server import KEY, TRANSPORTS, connected, echo, ending, request, serving, websocket

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
)
from speechwire.transport import (
    CloseEvent,
    WebSocket,
    new_transport,
)

pytestmark = pytest.mark.usefixtures("transport")


async def test_frames_come_back_as_they_went() -> None:
    async with connected(echo) as connection:
        for frame in ("", "text ✓", b"\0\xff", b"x" * 100_000):
            await connection.send(frame)
            assert await connection.receive() == frame


async def test_the_credential_goes_in_a_header_and_the_request_id_comes_back() -> None:
    sent: list[str] = []

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        sent.extend(request.headers[name] for name in ("Authorization", "User-Agent"))
        await response.receive()

    async with connected(serve, **{"dg-request-id": "r-123"}) as connection:
        assert connection.request_id == "r-123"
    assert sent == [f"Token {KEY}", "speechwire"]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1008, "DATA-0000"), (1011, "NET-0001 ✓"), (4001, "x")]
)
async def test_the_peers_close_is_a_value_and_stays_one(code: int, reason: str) -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        await response.send_str("last words")
        await response.close(code=code, message=reason.encode())

    async with connected(serve) as connection:
        assert await connection.receive() == "last words"
        assert await connection.receive() == CloseEvent(code, reason)
        assert await connection.receive() == CloseEvent(code, reason)
        with pytest.raises(ConnectionLost):
            await connection.send("too late")
        with pytest.raises(ConnectionLost):
            await connection.ping()


async def test_a_close_frame_without_a_status_is_1005() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(b"\x88\x00")
        await response.receive()

    async with connected(serve) as connection:
        assert await connection.receive() == CloseEvent(1005, "")


async def test_an_end_without_a_close_frame_is_1006() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.close()

    async with connected(serve) as connection:
        assert (await ending(connection)).code == 1006


async def test_a_reset_is_1006() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        request.transport.abort()

    async with connected(serve) as connection:
        assert (await ending(connection)).code == 1006


async def test_a_message_beyond_the_limit_ends_the_connection() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        await response.send_bytes(b"x" * 5_000_000)
        await response.receive()

    async with connected(serve) as connection:
        assert (await ending(connection)).code == 1006


async def test_a_message_in_pieces_is_one_message() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        for head, piece in ((0x01, b"one "), (0x00, b"mess"), (0x80, b"age"), (0x02, b"\0"), (0x80, b"\xff")):
            request.transport.write(bytes([head, len(piece)]) + piece)
            await asyncio.sleep(0.01)
        await response.receive()

    async with connected(serve) as connection:
        assert await connection.receive() == "one message"
        assert await connection.receive() == b"\0\xff"


async def test_pieces_beyond_the_limit_end_the_connection() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        for head in (0x02, 0x00, 0x00, 0x00, 0x80):
            request.transport.write(bytes([head, 127]) + (1_000_000).to_bytes(8, "big") + bytes(1_000_000))
        await response.receive()

    async with connected(serve) as connection:
        assert (await ending(connection)).code == 1006


async def test_text_that_is_not_utf_8_ends_the_connection() -> None:
    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.write(b"\x81\x02\xff\xfe")
        await response.receive()

    async with connected(serve) as connection:
        assert (await ending(connection)).code == 1006


async def test_a_consumer_that_takes_nothing_stops_the_reading() -> None:
    """What a peer sends meanwhile stays with the peer, and comes later, in order."""
    piece, count = bytes(100_000), 2_000  # 200 MB: the kernel alone may hold 40 of them
    sent = 0

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            for number in range(count):
                await response.send_bytes(number.to_bytes(4, "big") + piece)
                sent = number

    async with connected(serve) as connection:
        while True:
            before = sent
            await asyncio.sleep(0.2)
            if sent == before:
                break
        assert 0 < sent < count - 1, "all of it was taken in"
        for number in range(sent + 100):
            frame = await connection.receive()
            assert isinstance(frame, bytes)
            assert int.from_bytes(frame[:4], "big") == number


async def test_a_taker_gets_every_frame_once_in_order_and_stops_when_it_wants() -> None:
    """What waits, what comes while it takes, and what comes after it has stopped."""
    count = 300

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        for number in range(count):
            await response.send_str(str(number))
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        await response.close(code=1011, message=b"done")

    taken: list[str | bytes] = []

    def take(frame: str | bytes) -> bool:
        taken.append(frame)
        return len(taken) % 7 != 0

    async with connected(serve) as connection:
        assert await connection.receive() == "0"
        stops = 0
        while (close := await connection.receive_each(take)) is None:
            stops += 1
            assert len(taken) == 7 * stops, "frames came after it had stopped"
            if stops % 3 == 0:
                await asyncio.sleep(0.002)
        assert close == CloseEvent(1011, "done")
        assert await connection.receive_each(take) == close
    assert taken == [str(number) for number in range(1, count)]


async def test_a_taker_that_is_cancelled_loses_nothing() -> None:
    async with connected(echo) as connection:
        await connection.send("one")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.receive_each(lambda frame: frame == "one"), 0.1)
        await connection.send("two")
        assert await connection.receive() == "two"


@pytest.mark.parametrize("known", [True, False])
async def test_certificates_are_verified(transport: str, known: bool) -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    (authority if known else trustme.CA()).configure_trust(client_side)
    opening = TRANSPORTS[transport](ssl=client_side)
    async with serving(websocket(echo), server_side) as url:
        if known:
            connection = await opening.connect(request(url))
            await connection.send(b"secret" * 10_000)
            assert await connection.receive() == b"secret" * 10_000
            await connection.aclose()
        else:
            with pytest.raises(ConnectFailed, match=r"(?i)certificate"):
                await opening.connect(request(url))
        await opening.aclose()


async def test_a_dead_peer_is_noticed_by_the_heartbeat() -> None:
    release = asyncio.Event()

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.pause_reading()
        await release.wait()

    transport = new_transport()
    async with serving(websocket(serve)) as url:
        connection = await transport.connect(request(url, heartbeat_s=0.2))
        assert await ending(connection) == CloseEvent(1006, "the peer did not answer a ping")
        release.set()
        await transport.aclose()


async def test_abort_does_not_wait_for_a_peer_that_reads_nothing() -> None:
    release = asyncio.Event()

    async def serve(response: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.pause_reading()
        await release.wait()

    async with connected(serve) as connection:
        sending = asyncio.create_task(flood(connection))
        done, _ = await asyncio.wait({sending}, timeout=0.3)
        assert not done, "sending must block"
        connection.abort()
        connection.abort()
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(sending, 5)
        assert isinstance(await connection.receive(), CloseEvent)
        release.set()


async def flood(connection: WebSocket) -> None:
    while True:
        await connection.send(b"x" * 100_000)
