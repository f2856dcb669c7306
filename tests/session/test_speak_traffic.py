"""One connection, frame by frame: services that answer late, twice, in other words, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from tests.session.fake_voice import FakeAura, FakeFlux, heard

from speechwire.errors import ConnectFailed, ConnectionLost, SessionClosed
from speechwire.protocol import SpeakV2Options
from speechwire.session import BackoffPolicy, SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import MemoryPeer, MemoryTransport

Script = Callable[[MemoryPeer], Awaitable[None]]


async def after(peer: MemoryPeer, kind: str) -> None:
    """Wait until a message of this kind has come."""
    while json.loads(await peer.receive())["type"] != kind:  # type: ignore[arg-type]
        pass


async def audio_of(request: SpeakRequest) -> bytes:
    return b"".join([pcm async for pcm in request])


def v1(script: Script) -> SpeakSession:
    return SpeakSession("k", transport=MemoryTransport(script))


def v2(script: Script) -> SpeakSession:
    return SpeakSession("k", SpeakV2Options(), transport=MemoryTransport(script))


async def test_audio_that_comes_before_clear_could_be_sent_is_nobodys() -> None:
    news: list[SpeakRequest] = []

    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(b"\1\1")
        old.interrupt()
        news.append(session.speak("New."))
        await after(peer, "Clear")
        peer.send(b"\1\1")
        peer.send('{"type":"Cleared","sequence_id":0}')
        await after(peer, "Flush")
        peer.send(b"\2\2")
        peer.send('{"type":"Flushed","sequence_id":1}')
        await after(peer, "Close")
        peer.close()

    async with v1(serve) as session:
        old = session.speak("Old.")
        assert await audio_of(old) == b""
        assert await audio_of(news[0]) == b"\2\2"


async def test_the_next_turn_waits_for_the_answer_to_interrupt() -> None:
    service = FakeFlux(latency_s=0.5)
    async with v2(service) as session:
        old = session.speak("This is the old reply, which nobody wants to hear any more.")
        await asyncio.sleep(2)
        old.interrupt()
        new = session.speak("New.")
        await asyncio.sleep(0.4)
        assert service.kinds()[-1] == "Interrupt"
        assert heard(await audio_of(new)) == "New."
    assert len(service.messages) == 1


async def test_what_looked_like_the_beginning_of_a_header_is_heard() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send(b"RIFF\0\0")
        peer.send('{"type":"Flushed","sequence_id":0}')
        await after(peer, "Close")

    async with v1(serve) as session:
        assert await audio_of(session.speak("Hi.")) == b"RIFF\0\0"


async def test_half_a_sample_at_the_end_of_a_batch_shifts_nothing_behind_it() -> None:
    async def serve(peer: MemoryPeer) -> None:
        for number, audio in enumerate((b"\1\2\3", b"\4\5")):
            await after(peer, "Flush")
            peer.send(audio)
            peer.send(f'{{"type":"Flushed","sequence_id":{number}}}')
        await after(peer, "Close")

    async with v1(serve) as session:
        request = session.request()
        for piece in ("One.", "Two."):
            request.push(piece)
            request.flush()
        request.end()
        assert await audio_of(request) == b"\1\2\4\5"


async def test_refusals_are_counted_anew_after_audio() -> None:
    async with v1(FakeAura(refused={0, 1, 2, 4, 5, 6})) as session:
        assert heard(await audio_of(session.speak("One."))) == "One."
        assert heard(await audio_of(session.speak("Two."))) == "Two."


async def test_the_end_of_a_turn_that_comes_again_late_ends_no_other() -> None:
    async def serve(peer: MemoryPeer) -> None:
        for name, audio in (("A", b"\1\1"), ("B", b"\2\2")):
            await after(peer, "Flush")
            peer.send('{"type":"SpeechMetadata","speech_id":"A"}' if name == "B" else '{"type":"Connected"}')
            await asyncio.sleep(0.1)
            peer.send(f'{{"type":"SpeechStarted","speech_id":"{name}"}}')
            peer.send(audio)
            peer.send(f'{{"type":"SpeechMetadata","speech_id":"{name}"}}')
        await after(peer, "Close")

    async with v2(serve) as session:
        assert await audio_of(session.speak("One.")) == b"\1\1"
        assert await audio_of(session.speak("Two.")) == b"\2\2"


async def test_a_turn_that_the_service_ended_by_itself_is_over_when_the_flush_finds_none() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Speak")
        peer.send('{"type":"SpeechStarted","speech_id":"A"}')
        peer.send(b"\1\1")
        peer.send('{"type":"SpeechMetadata","speech_id":"A"}')
        await after(peer, "Flush")
        peer.send('{"type":"Warning","code":"NO_ACTIVE_SPEECH"}')
        await after(peer, "Close")

    async with v2(serve) as session:
        request = session.request()
        request.push("One.")
        await asyncio.sleep(1)
        request.end()
        began = asyncio.get_running_loop().time()
        assert await audio_of(request) == b"\1\1"
        assert asyncio.get_running_loop().time() - began < 0.1


async def test_an_answer_of_no_text_without_speech_completes_the_request() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.send('{"type":"Warning","code":"NO_SYNTHESIZABLE_TEXT"}')
        peer.send('{"type":"SpeechMetadata","speech_id":"A","audio_duration_ms":0}')
        await after(peer, "Close")

    async with v2(serve) as session:
        assert await audio_of(session.speak("x")) == b""


async def test_speech_that_was_heard_ends_an_outage() -> None:
    """The next one finds all the patience that the settings give."""
    service = FakeAura()
    refuses = {0, 1, 3}

    async def serve(peer: MemoryPeer) -> None:
        if peer.number in refuses:
            peer.refuse(ConnectFailed("ws://nowhere", "refused"))
            return
        service.messages.extend([] for _ in range(peer.number - len(service.messages)))
        await service(peer)

    settings = SpeakSettings(backoff=BackoffPolicy(max_attempts=2, base_s=0.1, cap_s=60.0))
    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport, settings=settings) as session:
        with pytest.raises(ConnectFailed):
            await session.speak("Zero.").wait()
        assert heard(await audio_of(session.speak("One."))) == "One."
        transport.peers[2].close(1011, "NET-0004")
        await asyncio.sleep(1)
        assert heard(await audio_of(session.speak("Two."))) == "Two."
    assert len(transport.peers) == 5


@pytest.mark.parametrize("service", [FakeAura(), FakeFlux()], ids=["v1", "v2"])
async def test_a_request_that_ends_without_a_word_makes_way(service: FakeAura | FakeFlux) -> None:
    async with (v2 if isinstance(service, FakeFlux) else v1)(service) as session:
        await session.prewarm()
        empty = session.request()
        await asyncio.sleep(0.1)
        empty.end()
        await asyncio.sleep(0.1)
        assert heard(await asyncio.wait_for(audio_of(session.speak("Hi.")), 5)) == "Hi."


async def test_flux_is_sent_text_as_it_is_written() -> None:
    """It speaks before the text is complete; so nothing of it may wait for a flush."""
    service = FakeFlux()
    async with v2(service) as session:
        request = session.request()
        for number, piece in enumerate(("One. ", "Two. ", "Three. ")):
            request.push(piece)
            await asyncio.sleep(3.0 if not number else 0.1)
            assert [message.get("text") for message in service.messages[0]][number:] == [piece]
            await asyncio.sleep(3.0)
        request.end()
        await request.wait()


@pytest.mark.parametrize(
    "answer",
    ['{"type":"Flushed","sequence_id":0}', '{"type":"Warning","warn_code":"EXCESSIVE_FLUSH","warn_msg":""}'],
    ids=["spoken", "refused"],
)
async def test_an_answer_that_comes_after_the_end_was_asked_for_is_nobodys(
    answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Close")
        peer.send(answer)
        peer.close()

    session = v1(serve)
    request = session.speak("Hi.")
    await asyncio.sleep(1.0)
    await session.aclose()
    with pytest.raises(SessionClosed, match="the session has been closed"):
        await request.wait()
    assert caplog.messages == []


async def test_connections_that_bring_nothing_are_counted() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        peer.close(1011, "NET-0000")

    settings = SpeakSettings(max_resends=10, backoff=BackoffPolicy(max_quick_failures=2))
    transport = MemoryTransport(serve)
    async with SpeakSession("k", transport=transport, settings=settings) as session:
        with pytest.raises(ConnectionLost):
            await session.speak("Hi.").wait()
    assert len(transport.peers) == 2


async def test_who_waits_may_be_interrupted_without_harm_to_who_speaks() -> None:
    service = FakeAura()
    async with v1(service) as session:
        speaking, waiting = session.speak("Hello there."), session.speak("Never.")
        await asyncio.sleep(0.3)
        waiting.interrupt()
        assert heard(await audio_of(speaking)) == "Hello there."
    assert "Clear" not in service.kinds()


async def test_what_the_service_knows_nothing_of_need_not_be_cleared() -> None:
    service = FakeAura()
    async with v1(service) as session:
        await session.prewarm()
        empty = session.request()
        await asyncio.sleep(0.1)
        empty.interrupt()
        assert heard(await audio_of(session.speak("Hi."))) == "Hi."
    assert service.kinds() == ["Speak", "Flush", "Close"]


async def test_an_interruption_is_sent_at_once() -> None:
    clock = asyncio.get_running_loop().time
    cleared_at: list[float] = []

    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Flush")
        await after(peer, "Clear")
        cleared_at.append(clock())
        await after(peer, "Close")

    async with v1(serve) as session:
        request = session.speak("Hi.")
        await asyncio.sleep(0.5)
        began = clock()
        request.interrupt()
        await asyncio.sleep(0.5)
    assert cleared_at == [began]


async def test_audio_that_comes_after_the_end_was_asked_for_is_nobodys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve(peer: MemoryPeer) -> None:
        await after(peer, "Close")
        peer.send(b"\1\1")
        peer.close()

    session = v1(serve)
    session.speak("Hi.")
    await asyncio.sleep(0.5)
    await session.aclose()
    stats = session.stats()
    assert (stats.unclaimed_bytes, stats.audio_bytes) == (2, 0)
    assert caplog.messages == []
