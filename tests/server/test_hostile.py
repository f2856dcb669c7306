"""Callers who mean harm: each is refused or bounded, and a caller beside them notices nothing."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress

import aiohttp
import pytest
from tests.server.callers import Twilio
from tests.server.content import ContentEngine
from tests.server.hostility import BOUNDS, beside, frame, raw, upgrade
from tests.server.serving import dial, serving, until

from speechwire.server.own_socket.messages import AudioFormat, Format, Start, encode

pytestmark = pytest.mark.usefixtures("each_socket")


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


async def test_formats_that_change_all_the_time_end_the_call() -> None:
    async with (
        beside() as where,
        aiohttp.ClientSession() as session,
        session.ws_connect(where.socket_url + "/socket") as ws,
    ):
        await ws.send_str(encode(Start(format=AudioFormat(sample_rate=16000))))
        with suppress(ConnectionError):
            for rate in range(4001, 4501):
                await ws.send_str(encode(Format(format=AudioFormat(sample_rate=rate))))
                await ws.send_bytes(b"\0\0")
        messages = [json.loads(message.data) async for message in ws]
        assert messages[-2]["description"] == "the format of the audio changes too often"
        assert ws.close_code == 1008


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
