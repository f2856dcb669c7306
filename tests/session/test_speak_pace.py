"""A consumer that is behind, a service that refuses or falls silent meanwhile: whose fault it is."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.session.fake_voice import FakeAura

from speechwire.errors import ServiceError
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.protocol.limits import CHARACTERS
from speechwire.session import BackoffPolicy, SpeakSession, SpeakSettings
from speechwire.transport import CloseEvent, MemoryPeer, MemoryTransport

SECOND = b"\1\2" * 24_000
LIMITED = SpeakSettings(audio_limit_s=1.0)
FLUSHED = '{"type":"Flushed","sequence_id":0}'


async def after(peer: MemoryPeer, kind: str) -> None:
    """Wait until a message of this kind has come."""
    async for frame in peer:
        if json.loads(frame)["type"] == kind:
            return


async def read_late(session: SpeakSession, wait_s: float) -> bytes:
    """Let a request's audio wait so long, and read all of it then."""
    request = session.speak("Hello.")
    await asyncio.sleep(wait_s)
    async with asyncio.timeout(60.0):
        return b"".join([pcm async for pcm in request])


async def test_while_the_consumer_is_behind_the_service_is_not_blamed() -> None:
    """Nor for some seconds after."""

    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(SECOND)
        await asyncio.sleep(25.0)
        peer.send(SECOND)
        peer.send(FLUSHED)
        await after(peer, "Close")

    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport, settings=LIMITED) as session:
        assert await read_late(session, 20.0) == SECOND * 2
        assert session.stats().stalls == 0
    assert len(transport.peers) == 1


async def test_once_the_consumer_keeps_up_a_silent_service_is_left() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(SECOND)
        if peer.number:
            peer.send(FLUSHED)
        await after(peer, "Close")

    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport, settings=LIMITED) as session:
        assert await read_late(session, 20.0) == SECOND
        assert session.stats().stalls == 1
    assert len(transport.peers) == 2


@pytest.mark.parametrize(("missing_bytes", "taken"), [(2, 2), (0, 1)])
async def test_how_much_may_wait_for_the_consumer(missing_bytes: int, taken: int) -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(SECOND[missing_bytes:])
        peer.send(SECOND)
        await after(peer, "Close")

    async with SpeakSession("k", transport=MemoryTransport(serve), settings=LIMITED) as session:
        session.speak("Hello.")
        await asyncio.sleep(1.0)
        assert session.stats().audio_bytes == taken * len(SECOND) - missing_bytes


async def test_a_request_that_is_refused_too_often_fails_and_is_cleared() -> None:
    service = FakeAura(refused=range(5))
    async with SpeakSession("k", transport=MemoryTransport(service)) as session:
        with pytest.raises(ServiceError):
            await session.speak("Hello.").wait()
        await asyncio.sleep(1.0)
        stats = session.stats()
        assert (stats.failed, stats.refused_flushes) == (1, 5)
    assert service.kinds()[-2:] == ["Clear", "Close"]


async def test_a_connection_that_finishes_something_without_a_sound_got_further() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(FLUSHED)
        await after(peer, "Flush")
        peer.close(1011, "NET-0000")

    settings = SpeakSettings(max_resends=10, backoff=BackoffPolicy(max_quick_failures=2))
    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport, settings=settings) as session:
        request = session.request()
        for word in ("One.", "Two.", "Three.", "Four."):
            request.push(word)
            request.flush()
        request.end()
        await request.wait()
    assert len(transport.peers) == 4


async def test_half_a_second_until_a_flush_is_allowed_is_waited_for() -> None:
    """Twenty of them are allowed in 65 seconds."""
    service = FakeAura()
    async with SpeakSession("k", transport=MemoryTransport(service)) as session:
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await session.speak("a").wait()
        await asyncio.sleep(began + 64.6 - asyncio.get_running_loop().time())
        await session.speak("b").wait()
        assert session.stats().refused_flushes == 0
    assert service.kinds().count("Flush") == 21


async def test_an_old_connection_whose_end_is_not_answered_is_ended() -> None:
    ended: list[object] = []

    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Close")
        ended.append(await peer.receive())

    settings = SpeakSettings(max_age_s=5.0, close_timeout_s=2.0)
    async with SpeakSession("k", transport=MemoryTransport(serve), settings=settings) as session:
        await session.prewarm()
        await asyncio.sleep(6.9)
        assert ended == []
        await asyncio.sleep(2.0)
        assert ended == [CloseEvent(1006, "aborted")]


async def test_so_many_characters_are_sent_in_a_minute_and_the_rest_when_it_is_over() -> None:
    clock = asyncio.get_running_loop().time
    came: list[tuple[float, int]] = []

    async def serve(peer: MemoryPeer) -> None:
        flushes = 0
        async for frame in peer:
            message = json.loads(frame)
            if message["type"] == "Speak":
                came.append((clock() - began, len(message["text"])))
            elif message["type"] == "Flush":
                peer.send(f'{{"type":"Flushed","sequence_id":{flushes}}}')
                flushes += 1

    async with SpeakSession("k", transport=MemoryTransport(serve)) as session:
        await session.prewarm()
        began = clock()
        for _ in range(CHARACTERS // 800):
            await session.speak("x" * 800).wait()
        assert sum(count for _, count in came) == CHARACTERS
        assert {at for at, _ in came} == {0.0}
        await asyncio.sleep(59.5)
        await session.speak("more").wait()
    at, count = came[-1]
    assert count == 4
    assert at == pytest.approx(60.0)


@pytest.mark.parametrize(("options", "waited_s"), [(SpeakV1Options(), 0.5), (SpeakV2Options(), 1.5)])
async def test_the_first_audio_is_waited_for_from_where_the_service_may_speak(
    options: SpeakV1Options | SpeakV2Options, waited_s: float
) -> None:
    """That is the flush, or with Flux the first text."""

    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        await asyncio.sleep(0.5)
        peer.send(SECOND)
        peer.send(SECOND)
        await after(peer, "Close")

    async with SpeakSession("k", options, transport=MemoryTransport(serve)) as session:
        await session.prewarm()
        await asyncio.sleep(1.0)
        request = session.request()
        request.push("Hello. ")
        await asyncio.sleep(1.0)
        request.end()
        await asyncio.sleep(1.0)
        first_audio = session.stats().first_audio
        assert first_audio.count == 1
        assert first_audio.sum_s == pytest.approx(waited_s)


async def test_a_service_that_was_asked_for_nothing_is_not_blamed_for_its_silence() -> None:
    async def serve(peer: MemoryPeer) -> None:
        peer.send('{"type":"Metadata","request_id":"r","model_name":"m"}')
        await after(peer, "Flush")
        await asyncio.sleep(5.0)
        peer.send(SECOND)
        peer.send(FLUSHED)
        await after(peer, "Close")

    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport) as session:
        await session.prewarm()
        await asyncio.sleep(60.0)
        await session.speak("Hello.").wait()
        assert session.stats().stalls == 0
    assert len(transport.peers) == 1


async def test_a_slow_answer_to_an_interruption_is_waited_for() -> None:
    service, settings = FakeAura(latency_s=1.5), SpeakSettings(fence_timeout_s=5.0)
    async with SpeakSession("k", transport=MemoryTransport(service), settings=settings) as session:
        old = session.speak("Hello, this goes on for some time.")
        await asyncio.sleep(2.0)
        old.interrupt()
        await asyncio.sleep(2.0)
        await session.speak("New.").wait()
    assert len(service.messages) == 1
