"""Callers who keep a place by doing nothing, or by doing it slowly: each is cut off."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import aiohttp
import pytest
from tests.server.callers import Twilio
from tests.server.content import ContentEngine
from tests.server.hostility import BOUNDS, beside, frame, upgrade
from tests.server.serving import dial, serving, until
from tests.server.test_faults import CaptionedTwilio

from speechwire.server._outbox import Weight
from speechwire.server.codec import Caption, Notice

pytestmark = pytest.mark.usefixtures("each_socket")


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
