"""Both network transports against a plain server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    SpeechwireError,
)
from speechwire.transport import (
    AiohttpTransport,
    CloseEvent,
    ConnectRequest,
    WebSocket,
    new_transport,
    shared_transport,
    transport_name,
)
from speechwire.transport.picows_ws import PicowsTransport
from speechwire.transport.shared import TRANSPORT_VARIABLE

pytestmark = pytest.mark.usefixtures("transport")

KEY = "0123456789abcdef-very-secret"
TRANSPORTS: dict[str, Any] = {"aiohttp": AiohttpTransport, "picows": PicowsTransport}
Handler = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/v1/listen", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/listen?model=private-customer-term"
    finally:
        await runner.cleanup()


def websocket(serve: Handler, **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        response.headers.update(headers)
        await response.prepare(request)
        await serve(response, request)
        return response

    return handler


def request(url: str, **more: float) -> ConnectRequest:
    return ConnectRequest(url, {"Authorization": f"Token {KEY}"}, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def connected(serve: Handler, **headers: str) -> AsyncIterator[WebSocket]:
    transport = new_transport()
    async with serving(websocket(serve, **headers)) as url:
        connection = await transport.connect(request(url))
        try:
            yield connection
        finally:
            await connection.aclose()
            await transport.aclose()


async def ending(connection: WebSocket) -> CloseEvent:
    """What comes next, which is how the connection ended."""
    ended = await connection.receive()
    assert isinstance(ended, CloseEvent)
    return ended


async def echo(response: web.WebSocketResponse, request: web.Request) -> None:
    async for message in response:
        if message.type is aiohttp.WSMsgType.TEXT:
            await response.send_str(message.data)
        else:
            await response.send_bytes(message.data)


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


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 503])
async def test_a_refusal_keeps_what_the_service_said(status: int) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        headers = {"dg-error": "Too bad.", "dg-request-id": "r-9"}
        return web.json_response({"err_code": "X", "err_msg": "Too bad."}, status=status, headers=headers)

    error = await failure_of(refuse)
    assert isinstance(error, HandshakeRefused)
    assert error.status == status
    assert "err_code" in error.body
    assert error.dg_error == "Too bad."
    assert error.request_id == "r-9"
    assert error.retryable == (status in (429, 500, 503))


async def test_a_huge_refusal_is_cut() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text="x" * 1_000_000)

    error = await failure_of(refuse)
    assert isinstance(error, HandshakeRefused)
    assert len(error.body) <= 4096


async def test_an_answer_that_is_no_upgrade() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="a web page")

    error = await failure_of(answer)
    assert isinstance(error, HandshakeRefused)
    assert error.status == 200


async def test_a_slow_handshake_ends_at_the_deadline() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    error = await failure_of(slow, connect_timeout_s=0.1)
    assert isinstance(error, ConnectFailed)
    assert "0.1 s" in str(error)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("ws://127.0.0.1:1/v1/listen", "ConnectionRefusedError: "),
        ("ws://[::1]:1/v1/listen", ""),
        ("ws://nowhere.invalid/v1/listen", "gaierror: "),
    ],
)
async def test_nobody_there(url: str, cause: str) -> None:
    transport = new_transport()
    with pytest.raises(ConnectFailed) as raised:
        await transport.connect(request(url))
    assert raised.value.retryable
    assert raised.value.url == url
    assert raised.value.cause.startswith(cause)
    assert "handshake" not in raised.value.cause
    await transport.aclose()


async def failure_of(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **more: float
) -> SpeechwireError:
    """Connect in vain; check on the way that nothing tells the key or the query."""
    transport = new_transport()
    async with serving(handler) as url:
        with pytest.raises(SpeechwireError) as raised:
            await transport.connect(request(url, **more))
        await transport.aclose()
    seen: BaseException | None = raised.value
    while seen is not None:
        for text in (str(seen), repr(seen), repr(seen.args), repr(vars(seen))):
            assert KEY not in text
            assert "private-customer-term" not in text
        seen = seen.__cause__ or seen.__context__
    return raised.value


async def test_the_environment_chooses(transport: str) -> None:
    assert transport_name() == transport
    assert type(new_transport()) is TRANSPORTS[transport]


@pytest.mark.parametrize(
    ("arguments", "proxy"),
    [
        ({}, "http://of.test:1"),
        ({"trust_env": False}, None),
        ({"proxy": "socks5://given.test"}, "socks5://given.test:1080"),
    ],
)
def test_a_new_transport_takes_what_both_take(
    arguments: dict[str, Any], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://of.test:1")
    context = ssl.create_default_context()
    made: Any = new_transport(ssl=context, **arguments)
    chosen = made._proxies.choose("wss://service.test")
    assert (chosen and chosen.place) == proxy
    assert made._ssl is context


async def test_the_fast_one_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRANSPORT_VARIABLE)
    assert transport_name() == "picows"
    monkeypatch.setattr("speechwire.transport.shared.find_spec", lambda name: None)
    assert transport_name() == "aiohttp"


def test_an_unknown_transport_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSPORT_VARIABLE, "carrier pigeon")
    with pytest.raises(
        InvalidArgument,
        match="^SPEECHWIRE_TRANSPORT must be one of auto, aiohttp, picows, got 'carrier pigeon'$",
    ):
        new_transport()


def test_the_request_does_not_show_the_key() -> None:
    assert KEY not in repr(request("ws://127.0.0.1/"))


async def test_sessions_of_a_loop_share_one_transport_until_the_last_closes() -> None:
    async with serving(websocket(echo)) as url:
        first, second = shared_transport(), shared_transport()
        one, two = await first.connect(request(url)), await second.connect(request(url))
        await first.aclose()
        await first.aclose()
        await two.send("still open")
        assert await two.receive() == "still open"
        with pytest.raises(ConnectFailed):
            await first.connect(request(url))
        for connection in (one, two):
            await connection.aclose()
        await second.aclose()
        third = shared_transport()
        three = await third.connect(request(url))
        await three.aclose()
        await third.aclose()


async def test_cancelled_while_connecting() -> None:
    gone = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        while request.transport is not None:
            await asyncio.sleep(0.01)
        gone.set()
        raise AssertionError

    transport = new_transport()
    async with serving(slow) as url:
        connecting = asyncio.create_task(transport.connect(request(url)))
        await asyncio.sleep(0.1)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        # The peer learns of it at once: nothing of the attempt lives on.
        await asyncio.wait_for(gone.wait(), 5)
        await transport.aclose()
