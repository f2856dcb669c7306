"""Audio and events that are given to a function, in place of an iteration: the same, in the same order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.driving import speak_into
from tests.session.fake_service import FakeFlux
from tests.session.fake_voice import FakeAura, heard

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import Connected
from speechwire.session import ListenV2Session, SessionEnded, SpeakSession
from speechwire.transport import MemoryPeer, MemoryTransport

KEY = "key-of-the-tests"
TEXT = "The train leaves at nine."


class Taker:
    """Takes what it is given, and wants ``more`` or not."""

    def __init__(self, got: list[Any], *, more: bool = True) -> None:
        self.got = got
        self.more = more

    def __call__(self, item: object) -> bool:
        self.got.append(item)
        return self.more


async def test_speech_is_whole_whoever_is_slow() -> None:
    async with SpeakSession(KEY, transport=MemoryTransport(FakeAura())) as session:
        request = session.speak(TEXT)
        got: list[bytes] = []

        def take(pcm: bytes) -> bool:
            got.append(pcm)
            return len(got) % 3 != 0

        pauses = 0
        while not await request.receive_each(take):
            pauses += 1
            await asyncio.sleep(0.5)
        assert heard(b"".join(got)) == TEXT
        assert pauses == len(got) // 3 > 1
        assert request.done


async def test_after_an_interruption_nothing_is_taken() -> None:
    async with SpeakSession(KEY, transport=MemoryTransport(FakeAura())) as session:
        request = session.speak(TEXT)
        got: list[bytes] = []

        def take(pcm: bytes) -> bool:
            got.append(pcm)
            if len(got) == 2:
                request.interrupt()
            return True

        assert await request.receive_each(take)
        assert len(got) == 2


async def test_a_failure_is_raised_behind_the_audio() -> None:
    service = FakeAura({0: (5, lambda peer: peer.close(1008, "DATA-0000"))})
    async with SpeakSession(KEY, transport=MemoryTransport(service)) as session:
        got: list[bytes] = []
        with pytest.raises(SpeechwireError, match="DATA-0000"):
            await session.speak(TEXT).receive_each(Taker(got))
        assert got


async def test_one_consumer() -> None:
    async with SpeakSession(KEY, transport=MemoryTransport(FakeAura())) as session:
        request = session.request()
        first = asyncio.create_task(request.receive_each(lambda pcm: True))
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match="^another task is .* comes here: read it in one task$"):
            await request.receive_each(lambda pcm: True)
        request.interrupt()
        assert await first


async def test_events_until_the_end() -> None:
    async def serve(peer: MemoryPeer) -> None:
        peer.send('{"type": "Connected", "request_id": "r", "sequence_id": 0}')
        async for _ in peer:
            pass

    session = ListenV2Session(KEY, ListenV2Options(), transport=MemoryTransport(serve))
    await session.connect()
    got: list[object] = []
    assert not await session.receive_each(Taker(got, more=False))
    assert [type(event) for event in got] == [Connected]
    rest = asyncio.create_task(session.receive_each(Taker(got)))
    await asyncio.sleep(1)
    await session.aclose()
    assert await rest
    assert await session.receive_each(lambda event: True), "the end stays the end"
    with pytest.raises(SessionClosed):
        session.push(bytes(100))


@pytest.mark.parametrize("index", [0, 5], ids=["waiting already", "as it comes"])
async def test_what_the_function_raises_reaches_its_owner_and_nobody_else(index: int) -> None:
    service = FakeFlux([(0.5, 2.0)])
    session = ListenV2Session(KEY, transport=MemoryTransport(service))
    got: list[Any] = []

    def take(event: object) -> bool:
        got.append(event)
        if len(got) == index + 1:
            raise ZeroDivisionError
        return True

    if not index:
        await speak_into(session, 1.0)
    receiving = asyncio.create_task(session.receive_each(take))
    await speak_into(session, 2.0, start_s=1.0 if not index else 0.0)
    with pytest.raises(ZeroDivisionError):
        await receiving
    rest = asyncio.create_task(session.receive_each(Taker(got)))
    await session.aclose()
    assert await rest
    assert len(service.heard) == 1
    assert isinstance(got[-1], SessionEnded)
    assert got[-1].complete
