"""Each fault does what it says, and nothing else, on every kind of endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest

from speechwire.emulator import (
    CloseWith,
    Decorate,
    Delay,
    Emulator,
    HalfOpen,
    Inject,
    LateMessage,
    Lose,
    Reset,
    SlowReader,
    Stall,
)

from .conftest import KEY, Client, Socket, eventually

FLUX = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
NOVA = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&interim_results=true"
AURA = "/v1/speak?model=aura-2-thalia-en&sample_rate=16000"
FLUX_TTS = "/v2/speak?model=flux-alexis-en&sample_rate=16000"
LISTEN, SPEAK = [FLUX, NOVA], [AURA, FLUX_TTS]
SECOND = bytes(32000)


async def use(socket: Socket) -> None:
    """Make the endpoint busy with about three seconds of audio, one way or the other."""
    if "listen" in str(socket.ws._response.url):
        for _ in range(3):
            await socket.send(SECOND)
    else:
        await socket.send({"type": "Speak", "text": "x" * 50}, {"type": "Flush"})


async def drain(socket: Socket) -> list[Any]:
    return await socket.rest()


@pytest.mark.parametrize("url", LISTEN + SPEAK)
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("mid_frame", [True, False])
async def test_reset_is_an_end_without_a_close_frame(
    client: Client, url: str, hard: bool, mid_frame: bool
) -> None:
    fault = Reset(1.0, hard=hard, mid_frame=mid_frame)
    async with Emulator(faults=[fault]) as emulator:
        socket = await client.open(emulator.base_url + url)
        await use(socket)
        await drain(socket)
        assert socket.close == (1006, "")
        (record,) = emulator.connections
        assert (record.closed_by, record.close_code) == ("fault", 1006)


@pytest.mark.parametrize("url", LISTEN + SPEAK)
@pytest.mark.parametrize(
    ("code", "reason"), [(1011, "NET-0000"), (1011, ""), (1008, "https://dpgr.am/data0000"), (None, "")]
)
async def test_any_close_code_at_a_time(client: Client, url: str, code: int | None, reason: str) -> None:
    async with Emulator(faults=[CloseWith(code, reason, at_s=1.0)]) as emulator:
        socket = await client.open(emulator.base_url + url)
        await use(socket)
        await drain(socket)
        assert socket.close == (code or 1005, reason)


async def test_a_close_comes_at_its_time_however_audio_is_cut(client: Client) -> None:
    ends = []
    async with Emulator(faults=[CloseWith(1011, at_s=1.5)]) as emulator:
        for frame_bytes in (640, 96000):
            socket = await client.open(emulator.base_url + FLUX)
            for _ in range(96000 // frame_bytes):
                if not socket.ws.closed:
                    await socket.send(bytes(frame_bytes))
            ends.append((await socket.rest())[-1]["audio_window_end"])
    assert ends == [1.25, 1.25]


@pytest.mark.parametrize("url", LISTEN + SPEAK)
@pytest.mark.parametrize(
    "frame", ["not json", '{"no type": 1}', "[]", {"type": "FromTheFuture", "x": [1]}, b"\x00\x01\x02"]
)
async def test_injected_frames_are_sent_as_they_are(client: Client, url: str, frame: Any) -> None:
    async with Emulator(faults=[Inject(1.0, frame)]) as emulator:
        socket = await client.open(emulator.base_url + url)
        await use(socket)
        raw = []
        while frame not in raw:
            message = await asyncio.wait_for(socket.ws.receive(), 5)
            text = message.type is aiohttp.WSMsgType.TEXT
            raw.append(json.loads(message.data) if text and isinstance(frame, dict) else message.data)
        assert emulator.connections[0].is_open
        await use(socket)
        with contextlib.suppress(TimeoutError):
            while True:
                raw.append((await asyncio.wait_for(socket.ws.receive(), 0.05)).data)
        assert raw.count(frame) == 1


async def test_stall_sends_nothing_more_but_answers_pings(client: Client) -> None:
    async with Emulator(faults=[Stall(1.0)]) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await use(socket)
        messages = await socket.until("Connected")
        messages += [await socket.receive() for _ in range(3)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.ws.receive(), 0.1)
        await socket.ws.ping()
        (record,) = emulator.connections
        await eventually(lambda: record.pings == 1)
        assert (record.is_open, record.audio_s) == (True, 3.0)
        assert record.lost > 0
    assert [m["audio_window_end"] for m in messages[1:] if isinstance(m, dict)] == [0.25, 0.5, 0.75]


async def test_half_open_reads_nothing_more(client: Client) -> None:
    async with Emulator(faults=[HalfOpen(0.5)]) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(bytes(16000))
        (record,) = emulator.connections
        await eventually(lambda: record.audio_s == 0.5)
        await socket.send(SECOND, SECOND)
        await socket.ws.ping()
        await asyncio.sleep(0.1)
        assert (record.audio_s, record.pings, record.is_open) == (0.5, 0, True)


async def test_a_slow_reader_holds_the_client_back(client: Client) -> None:
    async with Emulator(faults=[SlowReader(0.05)]) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        sending = asyncio.create_task(socket.send(*[bytes(200_000)] * 200))
        await asyncio.sleep(0.3)
        assert not sending.done()
        assert emulator.connections[0].audio_frames < 20
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_delay_holds_messages_back_in_order_and_costs_no_throughput(client: Client) -> None:
    loop = asyncio.get_running_loop()
    async with Emulator(faults=[Delay(0.5, jitter_s=0.1)]) as emulator:
        start_s = loop.time()
        socket = await client.open(emulator.base_url + FLUX)
        await use(socket)
        await socket.send({"type": "CloseStream"})
        (record,) = emulator.connections
        await eventually(lambda: record.audio_s == 3.0)
        assert len(record.sent) == 0
        messages = await socket.rest()
        assert loop.time() - start_s >= 0.5
    assert [m["sequence_id"] for m in messages] == list(range(13))
    assert socket.close == (1005, "")


async def test_lost_cleared(client: Client) -> None:
    async with Emulator(faults=[Lose("Cleared")]) as emulator:
        socket = await client.open(emulator.base_url + AURA)
        await socket.send({"type": "Clear"}, {"type": "Clear"}, {"type": "Close"})
        messages = await socket.rest()
        assert emulator.connections[0].lost == 1
    assert messages[1:] == [{"type": "Cleared", "sequence_id": 1}]


@pytest.mark.parametrize("url", LISTEN + SPEAK)
async def test_a_late_message_comes_between_the_closing_message_and_the_close_frame(
    client: Client, url: str
) -> None:
    late = {"type": "TurnInfo", "event": "Update"}
    async with Emulator(faults=[LateMessage(late)]) as emulator:
        socket = await client.open(emulator.base_url + url)
        await socket.send({"type": "CloseStream" if "listen" in url else "Close"})
        assert (await socket.rest())[-1] == late
        assert socket.close in [(1005, ""), (1000, "")]


async def test_unknown_fields_everywhere(client: Client) -> None:
    async with Emulator(faults=[Decorate({"new": 1})]) as emulator:
        socket = await client.open(emulator.base_url + NOVA)
        await use(socket)
        await socket.send({"type": "CloseStream"})
        messages = await socket.rest()
    assert {message["new"] for message in messages} == {1}


async def test_faults_concern_only_the_connections_and_endpoints_they_name(client: Client) -> None:
    faults = [CloseWith(1011, connections={1}), CloseWith(1012, endpoint="/v1/speak")]
    async with Emulator(faults=faults) as emulator:
        closes = []
        for url in (FLUX, FLUX, FLUX, AURA):
            socket = await client.open(emulator.base_url + url)
            await socket.send({"type": "CloseStream" if "listen" in url else "Close"})
            await socket.rest()
            closes.append(socket.close and socket.close[0])
        assert closes == [1005, 1011, 1005, 1012]
        emulator.faults.clear()
        socket = await client.open(emulator.base_url + AURA)
        await socket.send({"type": "Close"})
        await socket.rest()
        assert socket.close == (1000, "")


async def test_closing_the_emulator_ends_every_connection(client: Client) -> None:
    tasks = len(asyncio.all_tasks())
    faults = [HalfOpen(connections={0}), SlowReader(5.0, connections={1}), Delay(60.0, connections={2})]
    async with Emulator(faults=faults) as emulator:
        for _ in range(4):
            socket = await client.open(emulator.base_url + FLUX)
            await socket.send(SECOND)
        socket = await client.open(emulator.base_url + AURA)
        await socket.send({"type": "Speak", "text": "x"}, {"type": "Flush"})
        await asyncio.sleep(0.05)
    await client.aclose()
    assert len(asyncio.all_tasks()) == tasks
    assert not any(record.is_open for record in emulator.connections)
    assert KEY not in repr(emulator.connections)
