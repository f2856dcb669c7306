"""What a caller says while it waits for a place is understood when it has one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.server.callers import Twilio
from tests.server.content import SILENCE, ContentEngine, spoken
from tests.server.serving import Dialled, Serving, dial, serving, until
from tests.server.test_faults import CaptionedTwilio

from speechwire.server._early import EarlyAudio
from speechwire.server.admission import Admission
from speechwire.server.codec import AudioFormat
from speechwire.server.json_media import JsonMediaCodec
from speechwire.server.own_socket.messages import AudioFormat as WireFormat
from speechwire.server.own_socket.messages import Close, Format, Start, encode

MULAW = WireFormat(encoding="mulaw", sample_rate=8000)
SLOW = WireFormat(encoding="mulaw", sample_rate=4000)


def waits(where: Serving, callers: int = 1) -> bool:
    return where.server.admission.waiting == callers


@asynccontextmanager
async def in_the_queue() -> AsyncIterator[tuple[Serving, Dialled, aiohttp.ClientWebSocketResponse]]:
    """A server whose one place is taken, the caller who has it, and one of our own socket that waits."""
    async with (
        serving(max_calls=1, queue=1, engine=ContentEngine()) as where,
        dial(where, Twilio()) as first,
        aiohttp.ClientSession() as session,
        session.ws_connect(where.socket_url + "/socket") as ws,
    ):
        await ws.send_str(encode(Start(format=MULAW)))
        await until(lambda: waits(where))
        yield where, first, ws


async def test_a_telephone_that_waits_is_understood_from_its_first_word_on(each_socket: None) -> None:
    waiting = CaptionedTwilio()
    async with (
        serving(max_calls=1, queue=1, engine=ContentEngine()) as where,
        dial(where, Twilio()) as first,
        dial(where, waiting) as second,
    ):
        await until(lambda: waits(where))
        await second.say(spoken([4, 5]))
        await first.hang_up()
        await until(lambda: waits(where, 0))
        await second.say(spoken([6, 7]))
        await second.hang_up()
        assert not where.server.counters.notices
    finals = [one["transcript"] for one in waiting.heard.captions if one["type"] == "EndOfTurn"]
    assert finals == ["4 5", "6 7"]


async def test_a_format_that_changes_in_the_queue_holds_from_there_on(each_socket: None) -> None:
    async with in_the_queue() as (where, first, ws):
        await ws.send_bytes(spoken([1, 2]))
        await ws.send_str(encode(Format(format=SLOW)))
        await ws.send_bytes(spoken([3, 4])[::2])
        await ws.send_str(encode(Format(format=MULAW)))
        await first.hang_up()
        await until(lambda: waits(where, 0))
        await ws.send_bytes(spoken([5, 6]))
        await ws.send_str(encode(Close()))
        finals = [message async for message in finals_of(ws)]
    assert [final["transcript"] for final in finals] == ["1 2", "3 4", "5 6"]
    assert [round(final["words"][0]["start_s"], 2) for final in finals] == [0.0, 1.5, 3.0]


@pytest.mark.parametrize("audio", [spoken([1, 2]), b""])
async def test_who_hangs_up_in_the_queue_is_heard_first(audio: bytes) -> None:
    async with in_the_queue() as (where, first, ws):
        await ws.send_bytes(audio)
        await ws.send_str(encode(Close()))
        if audio:
            await first.hang_up()
        finals = [message["transcript"] async for message in finals_of(ws)]
        assert finals == (["1 2"] if audio else []) and ws.close_code == 1000


async def test_a_place_that_comes_with_the_start_is_used() -> None:
    """The place comes after the start message was taken, before the call's task has run."""
    place = Admission(1, queue=1)
    taken = place.claim()
    waiting = place.claim()
    assert taken is not None and waiting is not None
    async with serving(engine=ContentEngine()) as where:
        line = where.server.open(JsonMediaCodec(), waiting)
        running = asyncio.create_task(line.run())
        await asyncio.sleep(0)
        for message in Twilio().first():
            line.receive(message)
        taken.release()
        await until(lambda: line.call or running.done())
        outcome = line.ending
        line.disconnected()
        await running
    assert not outcome


async def finals_of(ws: aiohttp.ClientWebSocketResponse) -> Any:
    async for message in ws:
        content = json.loads(message.data)
        if content.get("event") == "EndOfTurn":
            yield content


@pytest.mark.parametrize(("entry", "seconds"), [(SILENCE * 800, 0.1), (SILENCE * 60_000, 0.001)])
def test_what_is_kept_is_bounded(entry: bytes, seconds: float) -> None:
    patient, telephone = EarlyAudio(1.0), EarlyAudio(1.0)
    patient.can_wait = True
    delays = [patient.add(entry, seconds) for _ in range(50)]
    assert delays[0] == 0.0 and delays[-1] == patient.delay_s > 0.0
    assert [telephone.add(entry, seconds) for _ in range(50)] == [0.0] * 50
    kept = len(telephone.release())
    assert 0 < kept == delays.index(patient.delay_s) + 1 < 50
    assert telephone.dropped_s == pytest.approx((50 - kept) * seconds)
    assert len(patient.release()) == 50 and not patient.dropped_s


def test_changes_of_format_without_audio_fill_the_room_too() -> None:
    early = EarlyAudio(1.0)
    early.can_wait = True
    for _ in range(30_000):
        early.change_format(AudioFormat())
    assert early.delay_s
