from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.fake_service import Fault, close, reset
from tests.session.fake_voice import FakeAura, heard

from speechwire.errors import (
    ConnectionLost,
    HandshakeRefused,
    ServiceError,
    SessionClosed,
)
from speechwire.session import BackoffPolicy, SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import MemoryPeer, MemoryTransport

TEXT = "Your train leaves at nine."


def session_with(service: FakeAura, **settings: Any) -> SpeakSession:
    return SpeakSession("secret-key", transport=MemoryTransport(service), settings=SpeakSettings(**settings))


async def listen_to(request: SpeakRequest) -> str:
    return heard(b"".join([pcm async for pcm in request]))


async def test_a_text_is_spoken_once_with_one_flush() -> None:
    service = FakeAura()
    async with session_with(service) as session:
        request = session.speak(TEXT)
        assert await listen_to(request) == TEXT
        assert request.done
        assert not request.interrupted
        await request.wait()
    assert service.kinds() == ["Speak", "Flush", "Close"]


async def test_text_in_pieces_with_marks() -> None:
    service = FakeAura()
    async with session_with(service) as session:
        request = session.request()
        reading = asyncio.create_task(listen_to(request))
        for piece in ("One ", "two. ", "Three. "):
            request.push(piece)
            await asyncio.sleep(0.5)
            request.flush()
        request.flush()
        request.end()
        assert await reading == "One two. Three. "
    assert service.kinds().count("Flush") == 3


async def test_each_request_gets_its_own_audio() -> None:
    async with session_with(FakeAura()) as session:
        requests = [session.speak(f"This is number {number}.") for number in range(5)]
        texts = await asyncio.gather(*(listen_to(request) for request in requests))
    assert texts == [f"This is number {number}." for number in range(5)]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
async def test_a_request_without_words_completes_without_the_service(text: str) -> None:
    service = FakeAura()
    async with session_with(service) as session:
        assert await listen_to(session.speak(text)) == ""
        assert await listen_to(session.speak("Hi.")) == "Hi."
    assert [message.get("text") for message in service.messages[0]] == ["Hi.", None, None]


FAULTS: dict[str, Fault] = {
    "reset": reset,
    "1000": close(1000),
    "1006": close(1006),
    "1011 NET-0000": close(1011, "NET-0000"),
    "1011 NET-0001": close(1011, "NET-0001"),
    "1011 NET-0003": close(1011, "NET-0003"),
    "1008 DATA-0001": close(1008, "DATA-0001"),
    "silent": lambda peer: asyncio.Event().wait(),  # type: ignore[dict-item, return-value]
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("characters", [1, 5, 12, 25])
async def test_every_character_is_heard_once(fault: Fault, characters: int) -> None:
    service = FakeAura({0: (characters, fault)})
    async with session_with(service) as session:
        request = session.request()
        reading = asyncio.create_task(listen_to(request))
        request.push("One two. ")
        request.flush()
        request.push("Three four five six.")
        request.end()
        assert await reading == "One two. Three four five six."
    assert len(service.messages) == 2


@pytest.mark.parametrize(
    ("code", "reason"), [(1003, "MESSAGE-0000"), (1008, "DATA-0000"), (1009, "BIG-0001")]
)
async def test_a_permanent_end_fails_the_request_at_once(code: int, reason: str) -> None:
    service = FakeAura({0: (5, close(code, reason))})
    async with session_with(service) as session:
        request = session.speak(TEXT)
        with pytest.raises(ConnectionLost, match=reason):
            await request.wait()
        assert await listen_to(session.speak("Next.")) == "Next.", "the session serves on"


async def test_a_service_that_never_speaks_fails_the_request_in_bounded_time() -> None:
    silent: Fault = lambda peer: asyncio.Event().wait()  # type: ignore[assignment, return-value]  # noqa: E731
    service = FakeAura(dict.fromkeys(range(10), (0, silent)))
    began = asyncio.get_running_loop().time()
    async with session_with(service) as session:
        with pytest.raises(ConnectionLost):
            await session.speak(TEXT).wait()
    assert asyncio.get_running_loop().time() - began < 40


@pytest.mark.parametrize("keeps_text", [True, False])
async def test_a_refused_flush_is_sent_again(keeps_text: bool) -> None:
    service = FakeAura(flushes=2, keeps_text=keeps_text)
    async with session_with(service) as session:
        for number in range(3):
            assert await listen_to(session.speak(f"Number {number}.")) == f"Number {number}."
    assert len(service.messages) == 1


@pytest.mark.parametrize("refused", [{0}, {1}, {0, 1}, {2}, {0, 2}])
async def test_a_refused_flush_among_others_loses_and_doubles_nothing(refused: set[int]) -> None:
    service = FakeAura(refused=refused, latency_s=0.2)
    async with session_with(service) as session:
        request = session.request()
        for piece in ("One. ", "Two. ", "Three. "):
            request.push(piece)
            request.flush()
        request.end()
        assert await listen_to(request) == "One. Two. Three. "
    assert len(service.messages) == 1


async def test_a_flush_that_stays_refused_fails_the_request() -> None:
    service = FakeAura(flushes=0)
    async with session_with(service) as session:
        with pytest.raises(ServiceError, match="EXCESSIVE_FLUSH"):
            await session.speak(TEXT).wait()


async def test_a_text_does_not_wait_for_the_allowance_of_a_connection() -> None:
    """An agent that is often interrupted would be silent for a minute."""
    service = FakeAura()
    async with session_with(service) as session:
        began = asyncio.get_running_loop().time()
        for number in range(50):
            assert await listen_to(session.speak(f"{number}.")) == f"{number}."
        assert asyncio.get_running_loop().time() - began < 15
        assert session.stats().refused_flushes == session.stats().resends == 0
    assert [service.kinds(number).count("Flush") for number in range(3)] == [20, 20, 10]
    assert [service.kinds(number)[-1] for number in range(3)] == ["Close"] * 3


async def test_a_long_request_goes_on_over_another_connection() -> None:
    service = FakeAura()
    text = [f"{number}. " for number in range(30)]
    async with session_with(service, max_resends=0) as session:
        request = session.request()
        for piece in text:
            request.push(piece)
            request.flush()
        request.end()
        assert await listen_to(request) == "".join(text)
    assert [service.kinds(number).count("Flush") for number in range(2)] == [20, 10]


async def test_flushes_and_characters_are_paced() -> None:
    service = FakeAura()
    async with session_with(service) as session:
        long = "".join(f"This is sentence number {number:03d} of a long text. " for number in range(120))
        began = asyncio.get_running_loop().time()
        request = session.speak(long)
        first = await anext(request)
        assert asyncio.get_running_loop().time() - began < 1, (
            "what may be sent is spoken while the rest waits"
        )
        assert heard(first[:1000] + b"".join([pcm async for pcm in request])) == long
    sizes = [len(message["text"]) for message in service.messages[0] if message["type"] == "Speak"]
    assert sum(sizes) == len(long)
    assert max(sizes) <= 2000
    assert len(service.messages) == 1


async def test_a_permanent_refusal_reaches_the_request_and_prewarm() -> None:
    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(HandshakeRefused(401, dg_error="Invalid credentials.", request_id="r-1"))

    transport = MemoryTransport(refuse)
    async with SpeakSession("k", transport=transport) as session:
        with pytest.raises(HandshakeRefused):
            await session.prewarm()
        with pytest.raises(HandshakeRefused, match="Invalid credentials"):
            await session.speak(TEXT).wait()
    assert len(transport.peers) == 2


async def test_transient_refusals_are_retried() -> None:
    service = FakeAura()

    async def flaky(peer: MemoryPeer) -> None:
        if peer.number < 3:
            peer.refuse(HandshakeRefused([503, 429, 500][peer.number]))
        else:
            await service(peer)

    async with SpeakSession("k", transport=MemoryTransport(flaky)) as session:
        assert await listen_to(session.speak(TEXT)) == TEXT


async def test_a_connection_is_replaced_before_its_maximum_age() -> None:
    service = FakeAura()
    async with session_with(service, max_age_s=600) as session:
        await session.prewarm()
        await asyncio.sleep(590)
        assert await listen_to(session.speak(TEXT)) == TEXT
        await asyncio.sleep(20)
        assert await listen_to(session.speak(TEXT)) == TEXT
    assert service.kinds(0) == ["Speak", "Flush", "Close"]
    assert len(service.messages) == 2


async def test_an_idle_connection_is_pinged() -> None:
    transport = MemoryTransport(FakeAura())
    async with SpeakSession("k", transport=transport) as session:
        await session.prewarm()
        await asyncio.sleep(310)
    assert transport.peers[0].pings == 15


async def test_closing_fails_open_requests() -> None:
    session = session_with(FakeAura())
    request = session.speak(TEXT)
    await asyncio.sleep(0.5)
    await session.aclose()
    await session.aclose()
    with pytest.raises(SessionClosed):
        await request.wait()
    with pytest.raises(SessionClosed):
        session.speak("No.")


async def test_a_slow_consumer_pauses_the_service() -> None:
    service = FakeAura()
    async with session_with(service, audio_limit_s=0.5) as session:
        request = session.speak("x" * 200)
        await asyncio.sleep(60)
        assert request.waiting_bytes < 0.5 * 48000 + 2 * 1000
        assert await listen_to(request) == "x" * 200


@pytest.mark.parametrize("after_ms", range(0, 600, 37))
async def test_cancelled_anywhere_nothing_is_left(after_ms: int) -> None:
    service = FakeAura()
    transport = MemoryTransport(service)

    async def talk() -> None:
        async with SpeakSession(
            "k", transport=transport, settings=SpeakSettings(backoff=BackoffPolicy())
        ) as session:
            await session.speak(TEXT).wait()

    before = asyncio.all_tasks()
    task = asyncio.create_task(talk())
    await asyncio.sleep(after_ms / 1000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await transport.aclose()
    assert asyncio.all_tasks() == before
