"""What the transports rest on in aiohttp, asyncio and picows beyond their documentation."""

from __future__ import annotations

import asyncio
import inspect
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
import picows
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from aiohttp.test_utils import TestServer

from speechwire.transport import ConnectRequest, _aiohttp
from speechwire.transport.picows_ws import PicowsTransport


@asynccontextmanager
async def peer(*, reads: bool = True) -> AsyncIterator[tuple[str, list[Any]]]:
    """A WebSocket server that keeps what it hears, or stops reading."""
    heard: list[Any] = []
    over = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_bytes(bytes(2000))
        if not reads:
            assert request.transport is not None
            request.transport.pause_reading()
            await over.wait()
            request.transport.abort()
        async for message in socket:
            heard.append(message.data)
        return socket

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/")

    application = web.Application()
    application.add_routes([web.get("/", serve), web.get("/moved", moved)])
    async with TestServer(application) as server:
        try:
            yield f"ws://127.0.0.1:{server.port}", heard
        finally:
            over.set()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30.0):
        while not condition():
            await asyncio.sleep(0.001)


async def test_aiohttp_writes_a_frame_before_it_waits() -> None:
    async with peer() as (url, heard), aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url)
        sending = socket.send_bytes(b"by hand")
        with pytest.raises(StopIteration):
            sending.send(None)
        _aiohttp._write_now(socket, b"by the function")
        await until(lambda: len(heard) == 2)
        await socket.close()
    assert heard == [b"by hand", b"by the function"]


async def test_aiohttp_has_written_a_frame_that_waits_for_room() -> None:
    async with aiohttp.ClientSession() as session, peer(reads=False) as (url, _):
        socket = await session.ws_connect(url)
        transport: Any = socket._response.connection.transport  # type: ignore[union-attr]
        grown: list[int] = []
        for _ in range(1000):
            _aiohttp._write_now(socket, bytes(100_000))
            if transport.get_write_buffer_size():
                break
        for _ in range(5):
            before = transport.get_write_buffer_size()
            _aiohttp._write_now(socket, bytes(100_000))
            grown.append(transport.get_write_buffer_size() - before)
        transport.abort()
    # What the network does not take is kept whole: 14 bytes of head and mask, and the frame.
    assert grown == [100_014] * 5


async def test_aiohttp_calls_its_hooks_in_the_context_of_who_connects() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: list[tuple[str, str]] = []

    async def on_redirect(*_: Any) -> None:
        seen.append(("redirect", who.get()))

    async def on_response(response: aiohttp.ClientResponse) -> None:
        seen.append(("response", who.get()))

    hooks = aiohttp.TraceConfig()
    hooks.on_request_redirect.append(on_redirect)
    async with (
        peer() as (url, _),
        aiohttp.ClientSession(raise_for_status=on_response, trace_configs=[hooks]) as session,
    ):
        await (await session.get(url)).release()
        who.set("the caller")
        socket = await session.ws_connect(f"{url}/moved")
        await socket.close()
    assert seen[-2:] == [("redirect", "the caller"), ("response", "the caller")]


async def test_aiohttps_connector_makes_connections_where_ours_does() -> None:
    name = "_create_connection"
    theirs = inspect.signature(getattr(aiohttp.TCPConnector, name))
    assert list(theirs.parameters) == ["self", "req", "traces", "timeout"]
    assert list(inspect.signature(getattr(_aiohttp._Connector, name)).parameters) == [*theirs.parameters]
    connector = aiohttp.TCPConnector()
    assert isinstance(connector._factory(), asyncio.Protocol)
    assert connector._factory() is not connector._factory()
    await connector.close()


async def test_aiohttp_gives_its_queue_each_answer() -> None:
    """Those that it skips too: their number is bounded there."""
    given: list[int] = []

    class Handler(ResponseHandler):
        def feed_data(self, data: Any, size: int = 0) -> None:
            given.append(data[0].code)
            super().feed_data(data, size)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early\r\n\r\n" * 2 + b"HTTP/1.1 204 No\r\n\r\n")
        writer.close()

    connector = aiohttp.TCPConnector()
    connector._factory = partial(Handler, asyncio.get_running_loop())  # type: ignore[assignment]
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://127.0.0.1:{port}"),
        ):
            pass
    assert given == [103, 103, 204]


async def test_aiohttp_keeps_what_came_behind_an_upgrade() -> None:
    """The first frames of a caller who does not wait for the answer."""
    kept: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        kept.append(request.protocol._message_tail)
        return web.Response()

    loop = asyncio.get_running_loop()
    async with await loop.create_server(web.Server(answer), "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        head = "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        writer.write(head.encode() + b"\x82\x80early")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert kept == [b"\x82\x80early"]


async def test_asyncio_exchanges_the_current_task() -> None:
    loop, mine = asyncio.get_running_loop(), asyncio.current_task()
    other = loop.create_task(asyncio.sleep(0))
    assert mine is not None
    asyncio.tasks._leave_task(loop, mine)
    asyncio.tasks._enter_task(loop, other)
    seen = asyncio.current_task()
    asyncio.tasks._leave_task(loop, other)
    asyncio.tasks._enter_task(loop, mine)
    await other
    assert (seen, asyncio.current_task()) == (other, mine)


class Listener(picows.WSListener):
    """Notes what picows calls."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.calls: list[str] = []

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        transport.underlying_transport.set_write_buffer_limits(high=1, low=0)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.frames.append(frame.payload_size)

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


async def picows_connection(url: str, **options: Any) -> tuple[picows.WSTransport, Listener]:
    transport, listener = await picows.ws_connect(Listener, url, **options)
    assert isinstance(listener, Listener)
    return transport, listener


async def test_picows_hands_over_a_frame_that_is_too_long() -> None:
    async with peer() as (url, _):
        transport, listener = await picows_connection(url, max_frame_size=1000)
        await until(lambda: listener.frames)
        transport.disconnect(graceful=False)
    assert listener.frames[0] == 2000


async def test_picows_says_within_the_send_that_the_buffer_is_not_empty() -> None:
    async with peer(reads=False) as (url, _):
        transport, listener = await picows_connection(url)
        for _ in range(1000):
            transport.send(picows.WSMsgType.BINARY, bytes(100_000))
            if listener.calls:
                break
        assert listener.calls == ["pause"]
        assert transport.underlying_transport.get_write_buffer_size() > 0
        transport.disconnect(graceful=False)


async def test_picows_keeps_no_room_for_the_longest_message() -> None:
    async with peer() as (url, heard):
        transport = PicowsTransport()
        websocket = await transport.connect(ConnectRequest(url))
        messages: list[bytes | str] = [bytes(1 << 20), "\u00e4" * (1 << 20), b"short"]
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for message in messages:
                await websocket.send(message)
            await until(lambda: len(heard) == len(messages))
            assert heard == messages
            heard.clear()
            kept = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        await websocket.aclose()
        await transport.aclose()
    assert kept < 1 << 19
