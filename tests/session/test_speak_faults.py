"""A fault stays where it arises: one request fails, its neighbours are heard, the session serves on."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable

import pytest
from tests.session.fake_service import reset
from tests.session.fake_voice import FakeAura, heard
from tests.session.speaking_through import SERVICES, listen_to, session_with

from speechwire.errors import (
    ConnectionLost,
    InvalidArgument,
    InvalidArgumentType,
    LocalProtocolError,
)
from speechwire.session import SpeakSession
from speechwire.transport import MemoryPeer, MemoryTransport

# Text


@pytest.mark.parametrize("endpoint", SERVICES)
async def test_text_that_utf8_cannot_carry_costs_its_neighbours_nothing(endpoint: str) -> None:
    async with session_with(SERVICES[endpoint]()) as session:
        requests = [session.speak(text) for text in ("Good.", "a \udc97 b", "Good again.")]
        texts = [await listen_to(request) for request in requests]
    assert texts == ["Good.", "a � b", "Good again."]


@pytest.mark.parametrize("endpoint", SERVICES)
async def test_halves_of_a_character_in_two_pieces_are_one(endpoint: str) -> None:
    service = SERVICES[endpoint]()
    async with session_with(service) as session:
        request = session.request()
        for piece in ("Smile \ud83d", "\ude00 now ", "\ud83d"):
            request.push(piece)
        request.end()
        await request.wait()
    said = "".join(message.get("text", "") for message in service.messages[0])
    assert said == "Smile 😀 now �"


async def test_what_is_no_text_is_told_and_the_request_goes_on() -> None:
    async with session_with(FakeAura()) as session:
        request = session.request()
        with pytest.raises(InvalidArgumentType, match="text must be a str, got NoneType"):
            request.push(None)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentType, match="text must be a str, got bytes"):
            session.speak(b"bytes")  # type: ignore[arg-type]
        request.push("Text.")
        request.end()
        assert await listen_to(request) == "Text."
        assert await listen_to(session.speak("More.")) == "More."


# Bounds


async def test_the_text_of_a_request_is_bounded() -> None:
    async with session_with(FakeAura(), text_limit=10) as session:
        with pytest.raises(InvalidArgument, match="11 characters.*10|10 characters.*11"):
            session.speak("Eleven....x")
        request = session.request()
        request.push("Nine.....")
        with pytest.raises(InvalidArgument, match="text must be at most 10 characters in one request"):
            request.push("xx")
        request.push(".")
        request.end()
        assert await listen_to(request) == "Nine......"


async def test_the_requests_that_wait_are_bounded() -> None:
    async with session_with(FakeAura(), request_limit=3) as session:
        first, second, third = (session.speak(text) for text in ("One.", "Two.", "Three."))
        with pytest.raises(LocalProtocolError, match="3 wait already"):
            session.speak("Four.")
        second.interrupt()
        fourth = session.speak("Four.")
        assert [await listen_to(request) for request in (first, third, fourth)] == ["One.", "Three.", "Four."]


# Connections that are lost


async def test_a_request_that_gets_further_each_time_is_sent_again_more_often_than_the_limit() -> None:
    service = FakeAura({number: (3 * number + 3, reset) for number in range(4)})
    async with session_with(service, max_resends=1) as session:
        assert await listen_to(session.speak("ABCDEFGHIJKLMN")) == "ABCDEFGHIJKLMN"
    assert len(service.messages) == 5


async def test_a_text_that_kills_each_connection_fails_alone() -> None:
    class Touchy(FakeAura):
        async def __call__(self, peer: MemoryPeer) -> None:
            self.faults = {peer.number: (1, reset)} if peer.number < 3 else {}
            await super().__call__(peer)

    async with session_with(Touchy()) as session:
        bad, good = session.speak("x"), session.speak("Good.")
        with pytest.raises(ConnectionLost, match="reset by peer"):
            await bad.wait()
        assert await listen_to(good) == "Good."


# Audio


@pytest.mark.parametrize("lost_after", [1, 5, 9])
@pytest.mark.parametrize("refused", [{0}, {1}, {0, 1}])
async def test_lost_in_mid_batch_and_then_refused_it_is_heard_once(
    lost_after: int, refused: set[int]
) -> None:
    class Service(FakeAura):
        async def __call__(self, peer: MemoryPeer) -> None:
            self.refused = refused if peer.number == 1 else ()
            await super().__call__(peer)

    service = Service({0: (lost_after, reset)})
    async with session_with(service) as session:
        request = session.request()
        for piece in ("ABCDE FGHI. ", "JKLM. "):
            request.push(piece)
            request.flush()
        request.end()
        assert await listen_to(request) == "ABCDE FGHI. JKLM. "
    assert len(service.messages) == 2


async def test_audio_before_any_flush_of_ours_is_heard() -> None:
    service = FakeAura(eager=True)
    async with session_with(service) as session:
        request = session.request()
        request.push("Early words. ")
        first = await anext(request)
        assert service.kinds() == ["Speak"]
        request.push("And more.")
        request.end()
        rest = b"".join([pcm async for pcm in request])
        assert heard(first + rest) == "Early words. And more."
        assert session.stats().unclaimed_bytes == 0


async def test_audio_without_a_request_is_counted() -> None:
    async def serve(peer: MemoryPeer) -> None:
        peer.send(bytes(960))
        async for _ in peer:
            pass

    async with SpeakSession("k", transport=MemoryTransport(serve)) as session:
        await session.prewarm()
        await asyncio.sleep(0.1)
        assert session.stats().unclaimed_bytes == 960


async def test_audio_that_comes_before_the_text_belongs_to_the_request() -> None:
    async def serve(peer: MemoryPeer) -> None:
        await asyncio.sleep(1)
        peer.send(b"\1\2" * 480)
        async for _ in peer:
            pass

    async with SpeakSession("k", transport=MemoryTransport(serve)) as session:
        request = session.request()
        assert await anext(request) == b"\1\2" * 480


# Copies


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_session_cannot_be_copied(make: Callable[[object], object]) -> None:
    session = SpeakSession("secret-key")
    with pytest.raises(TypeError, match="cannot be copied or pickled") as told:
        make(session)
    assert "secret-key" not in str(told.value)
