"""Callers who mean harm: each is refused or bounded, and a caller beside them notices nothing."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from tests.server.callers import Twilio
from tests.server.content import ContentEngine
from tests.server.serving import Serving, dial, serving, until
from tests.server.test_faults import CaptionedTwilio, one_is_understood

from speechwire.server._outbox import Weight
from speechwire.server.codec import Caption, Notice

pytestmark = pytest.mark.usefixtures("each_socket")

BOUNDS: dict[str, Any] = {
    "handshake_s": 1.0,
    "pending": 64,
    "idle_s": 5.0,
    "start_s": 2.0,
    "slow_reader_s": 2.0,
}


@asynccontextmanager
async def beside() -> AsyncIterator[Serving]:
    """A server; at the end of the block a caller beside must be understood as ever."""
    async with serving(engine=ContentEngine(), **BOUNDS) as where:
        yield where
        await one_is_understood(where)
        assert where.server.admission.taken == 0


async def raw(where: Serving, request: bytes) -> bytes:
    """What comes back, until the server closes."""
    host, port = where.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def upgrade(path: str = "/call", *more: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, *, final: bool = True, length: int | None = None) -> bytes:
    """A client's frame; with a length that is not the payload's, if given."""
    size = len(payload) if length is None else length
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


async def test_a_giant_message_closes_its_connection() -> None:
    async with beside() as where:
        for message in (b"x" * (64 * 1024 + 1), "x" * (64 * 1024 + 1), b"x" * (4 << 20)):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(where.socket_url + "/call") as ws,
            ):
                with suppress(ConnectionError):
                    await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_str(message))
                closed = await ws.receive(timeout=10)
                assert closed.type in (
                    aiohttp.WSMsgType.CLOSE,
                    aiohttp.WSMsgType.CLOSED,
                    aiohttp.WSMsgType.ERROR,
                )
                assert ws.close_code in (1009, 1006)


@pytest.mark.parametrize("length", [1 << 17, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
async def test_a_frame_that_announces_more_than_it_may_is_not_waited_for(length: int) -> None:
    async with beside() as where:
        answer = await raw(where, upgrade() + frame(2, b"x" * 100, length=length))
        assert b"101 Switching" in answer


async def test_an_endless_message_of_small_fragments_is_cut_off() -> None:
    async with beside() as where:
        host, port = where.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(upgrade() + frame(2, b"x" * 1000, final=False))
        sent = 0
        with suppress(ConnectionError):
            while sent < 8 << 20 and not reader.at_eof():
                writer.write(frame(0, b"x" * 1000, final=False))
                await writer.drain()
                sent += 1000
                if sent % 50_000 == 0:
                    await asyncio.sleep(0.005)
                if reader._buffer.endswith(b"") and len(reader._buffer) > 200:  # type: ignore[attr-defined]
                    break
        assert sent < 8 << 20
        writer.close()


WRONG = ["{", "[]", "hello", '{"event":"media","media":{"payload":"AAAA"}}', '{"event":"start"}', "\0" * 100]


@pytest.mark.parametrize("text", WRONG, ids=repr)
async def test_wrong_messages_end_the_call_soon(text: str) -> None:
    async with beside() as where:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(where.socket_url + "/call/twilio") as ws,
        ):
            with suppress(ConnectionError):
                for _ in range(20):
                    await ws.send_str(text)
            closed = await ws.receive(timeout=10)
            assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            assert ws.close_code == 1008
        assert where.server.counters.ended["malformed"] == 1


async def test_a_call_that_turns_to_junk_ends_after_ten_messages() -> None:
    async with beside() as where:
        async with dial(where, Twilio()) as call:
            with suppress(ConnectionError):
                for _ in range(30):
                    await call.send("{")
            assert await call.ended() == 1008
        await until(lambda: not where.server.lines)
        assert where.server.counters.malformed == 10


@pytest.mark.parametrize(
    "media_format",
    [
        {"encoding": "audio/x-mulaw", "sampleRate": 192001},
        {"encoding": "audio/x-mulaw", "sampleRate": -8000},
        {"encoding": "audio/opus", "sampleRate": 48000},
        {"encoding": "audio/x-l16", "sampleRate": 8000, "channels": 33},
        {"encoding": "../../etc/passwd", "sampleRate": 8000},
        {"encoding": ["l16"], "sampleRate": {}},
    ],
)
async def test_a_format_that_is_none_is_refused(media_format: dict[str, object]) -> None:
    class Odd(Twilio):
        pass

    async with beside() as where:
        caller = Odd()
        caller.media_format = media_format
        async with dial(where, caller) as call:
            assert await call.ended() == 1008


async def test_audio_that_is_not_what_was_declared_harms_nobody() -> None:
    class Liar(Twilio):
        media_format = {"encoding": "audio/x-l16", "sampleRate": 192000, "channels": 32}

    async with beside() as where, dial(where, Liar()) as call:
        for size in (1, 3, 7, 999):
            for _ in range(20):
                await call.send(call.caller.audio(os.urandom(size)))
        await call.hang_up()


async def test_a_flood_of_audio_is_read_at_its_pace() -> None:
    async with serving(engine=ContentEngine(), **{**BOUNDS, "audio_speed": 1.25}) as where:
        caller = Twilio()
        caller.frame_ms = 1000
        async with dial(where, caller) as call:
            flood = asyncio.create_task(call.say(b"\xff" * 8000 * 600))
            await asyncio.sleep(3.0)
            (line,) = where.server.lines
            # The burst that is allowed, and what real time has let in since, with a message to spare.
            assert line.pace.audio_s < 15.0 + 1.25 * 10 + 2.0
            assert where.server.pool.snapshot().buffered_bytes < 60 * 8000
            flood.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await flood


async def test_half_open_sockets_by_the_thousand_leave_room_for_a_caller() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        async with beside() as where:
            host, port = where.url.removeprefix("http://").split(":")
            opened = []
            for _ in range(1000):
                with suppress(OSError):
                    opened.append(await asyncio.open_connection(host, int(port)))
            await asyncio.sleep(0.1)
            assert len(opened) == 1000
            ended = await asyncio.gather(*(ended_within(reader, 15) for reader, _ in opened))
            assert all(ended), "none is kept beyond the time for the handshake"
            for _, writer in opened:
                writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def ended_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await reader.read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def test_a_handshake_that_drips_is_cut_off() -> None:
    async with beside() as where:
        host, port = where.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = upgrade("/call", "X-Filler: " + "a" * 200)
        sent = 0
        for byte in request[:-2]:
            if reader.at_eof():
                break
            sent += 1
            with suppress(ConnectionError):
                writer.write(bytes([byte]))
                await writer.drain()
            await asyncio.sleep(0.05)
        # At a byte every 50 ms, or later on a slow machine, a second has room for no more than twenty.
        assert reader.at_eof() and sent < 100, "cut off long before the request was complete"
        writer.close()


async def test_calls_that_never_begin_end() -> None:
    async with beside() as where:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(where.socket_url + "/call") for _ in range(20)]
            for ws in sockets:
                closed = await ws.receive(timeout=15)
                assert closed.type is aiohttp.WSMsgType.CLOSE and ws.close_code == 1008
        assert where.server.counters.ended == {"idle": 20}


async def test_a_call_that_falls_silent_ends() -> None:
    async with beside() as where:
        async with dial(where, Twilio()) as call:
            await call.say(b"\xff" * 800)
            assert await call.ended() == 1008
        assert where.server.counters.ended == {"idle": 1}


async def test_a_caller_who_reads_nothing_is_closed_and_holds_nobody_up() -> None:
    async with serving(engine=ContentEngine(), **BOUNDS) as where:
        host, port = where.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        try:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(upgrade("/call/twilio?captions=1"))
            caller = CaptionedTwilio()
            for message in caller.first():
                writer.write(frame(1, message.encode() if isinstance(message, str) else message))
            await until(lambda: where.server.lines)
            (line,) = where.server.lines
            notice = Notice(code="closing", description="x" * 1000)
            for number in range(10_000):  # enough to fill every buffer on the way
                line.outbox.put(Weight.KEPT, [notice.description])
                if number % 50 == 0:
                    await asyncio.sleep(0.005)
            line.send(Caption(event="EndOfTurn", turn_index=0, transcript="one more"))
            await until(lambda: not where.server.lines)
            assert where.server.counters.ended == {"slow_reader": 1}
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


PATHS = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/page/../server.py",
    "/index.html/../../server.py",
    "/.env",
    "/index.html%00.js",
    "/call/../healthz/../x",
    "/socket/x",
    "/\\..\\..\\windows",
    "/%ff%fe",
    "/" + "a" * 8000,
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
async def test_tricks_with_paths_find_nothing(path: str) -> None:
    async with beside() as where:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = await raw(where, request.encode("latin-1"))
        assert answer.split(b" ")[1] in (b"404", b"400"), answer[:200]
        assert b"root:" not in answer and b"import" not in answer


HEADERS = [
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", HEADERS, ids=lambda request: repr(request[:40]))
async def test_tricks_with_headers_are_refused_or_harmless(request_bytes: bytes) -> None:
    async with beside() as where:
        host, port = where.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes)
        with suppress(ConnectionError):
            async with asyncio.timeout(15):
                answer = await reader.read(300)
                assert not answer or answer.startswith(b"HTTP/1."), answer
                assert b"Traceback" not in answer
        writer.close()


CREDENTIALS = [
    "Authorization: Bearer \xff\xfe",
    "Authorization: Basic \xff\xfe",
    "Authorization: \xff",
    "X-Twilio-Signature: \xff",
    "X-Plivo-Signature-V3: \xff, \xfe\r\nX-Plivo-Signature-V3-Nonce: \xff",
    "telnyx-timestamp: 1\r\ntelnyx-signature-ed25519: \xff",
    "x-telnyx-streaming-auth-token: \xff",
    "Sec-WebSocket-Protocol: access_token.\xff",
    "Origin: \xff",
    "Origin: http://[",
    "Origin: http://x:y",
]


@pytest.mark.parametrize("header", CREDENTIALS, ids=repr)
async def test_credentials_that_are_no_text_are_refused(header: str) -> None:
    secrets: dict[str, Any] = {
        "shared_secret": "s",
        "twilio_auth_token": "s",
        "plivo_auth_token": "s",
        "telnyx_stream_token": "s",
        "telnyx_public_key": "AAAA",
        "vonage_signature_secret": "s",
    }
    async with serving(auth="required", **secrets) as where:
        lines = upgrade().decode().split("\r\n")
        request = "\r\n".join([lines[0], *lines[1:-2], header, "", ""])
        if header.startswith("X-"):
            request = request.replace("Host: 127.0.0.1", "Host: [:x")
        answer = await raw(where, request.encode("latin-1") + frame(8, b"\x03\xe8"))
        assert answer.split(b" ")[1] in (b"400", b"401", b"403", b"101"), answer[:100]
        if b" 101 " in answer[:20]:
            assert (4401).to_bytes(2, "big") in answer
        assert not where.server.lines


async def test_compression_is_never_agreed_to() -> None:
    async with beside() as where:
        request = upgrade("/call", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        answer = await raw(where, request + frame(8, b"\x03\xe8"))
        assert b"101" in answer and b"permessage-deflate" not in answer.lower()


async def test_a_handshake_without_its_parts_is_an_error_and_takes_no_place() -> None:
    async with beside() as where:
        for missing in (b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Connection"):
            lines = [line for line in upgrade().split(b"\r\n") if not line.startswith(missing)]
            lines.insert(1, b"Connection: close" if missing == b"Connection" else b"X: y")
            answer = await raw(where, b"\r\n".join(lines))
            assert answer.startswith(b"HTTP/1.1 4"), answer[:100]
            assert where.server.admission.taken == 0


async def test_no_answer_names_what_runs_here_and_all_carry_the_policy() -> None:
    async with serving() as where, aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz", "/nothing", "/call"):
            async with session.get(where.url + path) as response:
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(where.url + "/readyz") as response:
            assert json.loads(await response.text())["status"] == "serving"
