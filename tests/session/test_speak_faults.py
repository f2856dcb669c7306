"""A fault stays where it arises: one request fails, its neighbours are heard, the session serves on."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable

import pytest
from tests.session.fake_service import reset
from tests.session.fake_voice import FakeAura, FakeFlux, heard
from tests.session.handshakes import refusing
from tests.session.test_speak_states import fail_once

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InternalError,
    InvalidArgument,
    InvalidArgumentType,
    LocalProtocolError,
)
from speechwire.protocol import SpeakV2Options
from speechwire.session import BackoffPolicy, SpeakRequest, SpeakSession, SpeakSettings
from speechwire.session._speak_runner import SpeakRunner
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session.events import Reconnecting
from speechwire.transport import CloseEvent, ConnectRequest, MemoryPeer, MemoryTransport, WebSocket

SERVICES: dict[str, Callable[[], FakeAura | FakeFlux]] = {"v1": FakeAura, "v2": FakeFlux}


def session_with(service: FakeAura | FakeFlux, **settings: object) -> SpeakSession:
    options = SpeakV2Options() if isinstance(service, FakeFlux) else None
    speaking = SpeakSettings(**settings)  # type: ignore[arg-type]
    return SpeakSession("k", options, transport=MemoryTransport(service), settings=speaking)


async def listen_to(request: SpeakRequest) -> str:
    return heard(b"".join([pcm async for pcm in request]))


def now() -> float:
    return asyncio.get_running_loop().time()


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


async def test_every_request_that_no_connection_is_to_be_had_for_counts_as_failed() -> None:
    transport = MemoryTransport(refusing(HandshakeRefused(401)))
    async with SpeakSession("k", transport=transport) as session:
        requests = [session.speak("One."), session.speak("Two."), session.speak("Three.")]
        requests[1].interrupt()
        for request in (requests[0], requests[2]):
            with pytest.raises(HandshakeRefused):
                await request.wait()
        assert session.stats().failed == 2


# Faults of ours and of those we call


class Handshakes:
    """A transport that fails with something it never should, so many times."""

    def __init__(self, transport: MemoryTransport, failures: int) -> None:
        self.transport = transport
        self.failures = failures
        self.attempts: list[float] = []

    async def connect(self, request: ConnectRequest) -> WebSocket:
        self.attempts.append(now())
        if len(self.attempts) <= self.failures:
            raise AssertionError("an answer cut in half")
        return await self.transport.connect(request)

    async def aclose(self) -> None:
        await self.transport.aclose()


async def test_a_transport_that_fails_as_it_never_should_is_tried_again() -> None:
    told: list[Reconnecting] = []
    transport = Handshakes(MemoryTransport(FakeAura()), 2)
    async with SpeakSession("k", transport=transport, on_retry=told.append) as session:
        assert await listen_to(session.speak("Hi.")) == "Hi."
    assert [type(event.error) for event in told] == [InternalError, InternalError]


async def test_when_it_never_works_the_request_says_so_and_the_next_one_tries_again() -> None:
    transport = Handshakes(MemoryTransport(FakeAura()), 4)
    settings = SpeakSettings(backoff=BackoffPolicy(max_attempts=4))
    async with SpeakSession("k", transport=transport, settings=settings) as session:
        with pytest.raises(InternalError) as told:
            await session.speak("Hi.").wait()
        assert isinstance(told.value.__cause__, AssertionError)
        assert await listen_to(session.speak("Hi.")) == "Hi."


async def test_a_bug_in_a_handler_is_lived_through(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_once(monkeypatch, SpeakV1Rules, "read")
    async with session_with(FakeAura()) as session:
        assert await listen_to(session.speak("Hi.")) == "Hi."
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


@pytest.mark.parametrize("name", ["read", "flush", "text_wait_s"])
async def test_a_bug_that_stays_fails_each_request_with_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*arguments: object, **named: object) -> object:
        raise ZeroDivisionError("a bug")

    works = getattr(SpeakV1Rules, name)
    service = FakeAura()
    async with session_with(service) as session:
        monkeypatch.setattr(SpeakV1Rules, name, fail)
        with pytest.raises(InternalError, match="ZeroDivisionError"):
            await session.speak("Hi.").wait()
        assert 1 < len(service.messages) <= 3
        monkeypatch.setattr(SpeakV1Rules, name, works)
        assert await listen_to(session.speak("Hello.")) == "Hello."


@pytest.mark.parametrize("fault", [ZeroDivisionError("a bug"), asyncio.CancelledError("not ours")])
async def test_a_bug_between_connections_fails_what_is_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: BaseException
) -> None:
    works = SpeakRunner._new_traffic
    faults = [fault]
    unused: list[WebSocket] = []

    def fail(runner: SpeakRunner, websocket: WebSocket) -> object:
        if faults:
            unused.append(websocket)
            raise faults.pop()
        return works(runner, websocket)

    monkeypatch.setattr(SpeakRunner, "_new_traffic", fail)
    async with session_with(FakeAura()) as session:
        requests = [session.speak("Hi."), session.speak("Hello.")]
        for request in requests:
            with pytest.raises(InternalError, match=type(fault).__name__):
                await request.wait()
        assert isinstance(await asyncio.wait_for(unused[0].receive(), 1.0), CloseEvent), "it was left open"
        assert await listen_to(session.speak("Again.")) == "Again."
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


@pytest.mark.parametrize("fault", [ZeroDivisionError("theirs"), asyncio.CancelledError("theirs")])
async def test_what_on_retry_raises_is_logged(caplog: pytest.LogCaptureFixture, fault: BaseException) -> None:
    def tell(event: Reconnecting) -> None:
        raise fault

    transport = MemoryTransport(FakeAura({0: (1, reset)}))
    async with SpeakSession("k", transport=transport, on_retry=tell) as session:
        assert await listen_to(session.speak("Hi.")) == "Hi."
    assert "on_retry failed" in caplog.text


async def test_a_credential_whose_source_was_cancelled_is_a_failed_attempt() -> None:
    keys: list[BaseException | str] = ["key", asyncio.CancelledError("theirs")]

    async def key() -> str:
        found = keys.pop()
        if isinstance(found, BaseException):
            raise found
        return found

    retries: list[Reconnecting] = []
    transport = MemoryTransport(FakeAura())
    async with SpeakSession(key, transport=transport, on_retry=retries.append) as session:
        assert await listen_to(session.speak("Hi.")) == "Hi."
    assert [type(retry.error) for retry in retries] == [ConnectFailed]


# Outages


class Outage:
    """A service that cannot be reached until a moment."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.attempts: list[float] = []
        self.voice = FakeAura()

    async def __call__(self, peer: MemoryPeer) -> None:
        self.attempts.append(now())
        if now() < self.until:
            peer.refuse(ConnectFailed("ws://nowhere", "refused"))
            return
        self.voice.messages.extend([] for _ in range(peer.number - len(self.voice.messages)))
        await self.voice(peer)


async def test_an_outage_fails_requests_in_bounded_time_and_ends_by_itself() -> None:
    outage = Outage(until=60.0)
    async with SpeakSession("k", transport=MemoryTransport(outage)) as session:
        requests = [session.speak("One."), session.speak("Two.")]
        for request in requests:
            with pytest.raises(ConnectFailed):
                await request.wait()
        assert len(outage.attempts) == 10
        assert now() < 45
        await asyncio.sleep(60.0 - now())
        began = now()
        assert await listen_to(session.speak("Three.")) == "Three."
        assert now() - began < 1, "at once"


async def test_right_after_a_failure_a_request_gets_one_attempt() -> None:
    outage = Outage(until=1000.0)
    policy = BackoffPolicy(max_attempts=3, base_s=0.2, cap_s=5.0)
    settings = SpeakSettings(backoff=policy)
    async with SpeakSession("k", transport=MemoryTransport(outage), settings=settings) as session:
        with pytest.raises(ConnectFailed):
            await session.speak("One.").wait()
        assert len(outage.attempts) == 3
        for count in range(1, 6):
            began = now()
            with pytest.raises(ConnectFailed):
                await session.speak("Again.").wait()
            assert len(outage.attempts) == 3 + count
            assert now() - began <= 0.21
        await asyncio.sleep(5.1)
        with pytest.raises(ConnectFailed):
            await session.speak("Later.").wait()
        assert len(outage.attempts) == 3 + 5 + 3


async def test_a_storm_of_requests_is_no_storm_of_attempts() -> None:
    outage = Outage(until=1000.0)
    settings = SpeakSettings(backoff=BackoffPolicy(max_attempts=1, base_s=0.25))
    async with SpeakSession("k", transport=MemoryTransport(outage), settings=settings) as session:
        while now() < 10.0:
            session.speak("Anybody there?")
            await asyncio.sleep(0.02)
        assert len(outage.attempts) <= 80


async def test_a_refused_key_fails_what_is_open_and_is_asked_for_again() -> None:
    service = FakeAura()
    keys = iter(["wrong", "right"])

    async def serve(peer: MemoryPeer) -> None:
        if peer.request.headers["Authorization"] == "Token wrong":
            peer.refuse(HandshakeRefused(401))
            return
        service.messages.append([])
        await service(peer)

    async with SpeakSession(lambda: next(keys), transport=MemoryTransport(serve)) as session:
        requests = [session.speak("One."), session.speak("Two.")]
        for request in requests:
            with pytest.raises(HandshakeRefused):
                await request.wait()
        assert await listen_to(session.speak("Three.")) == "Three."


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
