"""A service that is away costs requests a bounded time, and a storm of requests is none of attempts."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.fake_voice import FakeAura
from tests.session.handshakes import refusing
from tests.session.speaking_through import listen_to, now

from speechwire.errors import (
    ConnectFailed,
    HandshakeRefused,
)
from speechwire.session import BackoffPolicy, SpeakSession, SpeakSettings
from speechwire.session.events import Reconnecting
from speechwire.transport import MemoryPeer, MemoryTransport


async def test_every_request_that_no_connection_is_to_be_had_for_counts_as_failed() -> None:
    transport = MemoryTransport(refusing(HandshakeRefused(401)))
    async with SpeakSession("k", transport=transport) as session:
        requests = [session.speak("One."), session.speak("Two."), session.speak("Three.")]
        requests[1].interrupt()
        for request in (requests[0], requests[2]):
            with pytest.raises(HandshakeRefused):
                await request.wait()
        assert session.stats().failed == 2


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
