"""Bugs below a speaking session fail what they hit, and are lived through."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.fake_service import reset
from tests.session.fake_voice import FakeAura
from tests.session.speaking_through import listen_to, now, session_with
from tests.session.test_speak_states import fail_once

from speechwire.errors import (
    InternalError,
)
from speechwire.session import BackoffPolicy, SpeakSession, SpeakSettings
from speechwire.session._speak_runner import SpeakRunner
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session.events import Reconnecting
from speechwire.transport import CloseEvent, ConnectRequest, MemoryTransport, WebSocket

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
