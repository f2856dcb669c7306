"""What a session logs: each warning once, in its event's words; faults of its own with their traceback."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.session.driving import Endpoint, collect, endpoints, of, peers, speak_into
from tests.session.fake_service import reset
from tests.session.fake_voice import FakeAura
from tests.session.handshakes import refusing, refusing_oslo

from speechwire.errors import HandshakeRefused, InternalError
from speechwire.session import (
    AudioDropped,
    BackoffPolicy,
    ChangeRefused,
    OutageBegan,
    OutageEnded,
    Reconnecting,
    SpeakSession,
)
from speechwire.session._conversation import Conversation
from speechwire.session._speak_runner import SpeakRunner
from speechwire.transport import MemoryPeer, MemoryTransport

NAME = "speechwire.session"
endpoint = endpoints("flux", "nova")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, NAME)


async def test_an_outage_is_logged_in_its_events_words(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    service = endpoint.service(())

    async def away(peer: MemoryPeer) -> None:
        if asyncio.get_running_loop().time() - begin < 20.0:
            peer.refuse(HandshakeRefused(503))
        else:
            await service(peer)

    begin = asyncio.get_running_loop().time()
    session = endpoint.session(away, buffer_s=5.0, backoff=BackoffPolicy(max_attempts=3))
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 40.0)
    await session.aclose()
    events = await reading
    logged = of((Reconnecting, OutageBegan, AudioDropped), events)
    assert [type(event) for event in logged[:3]] == [Reconnecting, Reconnecting, OutageBegan]
    assert [(event.attempt, str(event.error)) for event in logged[:2]] == [
        (number, str(HandshakeRefused(503))) for number in (1, 2)
    ]
    assert caplog.record_tuples == [(NAME, logging.WARNING, str(event)) for event in logged]
    (ended,) = of(OutageEnded, events)
    assert 5.0 < ended.lasted_s < 40.0


async def test_a_lost_connection_is_logged_and_followed_at_once_by_none(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    session = endpoint.session(endpoint.service([(0.5, 1.0)], {0: (2.0, reset)}))
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 4.0)
    await session.aclose()
    (event,) = of(Reconnecting, await reading)
    assert event.attempt == 1
    assert 0.0 < event.delay_s <= 0.25
    assert caplog.record_tuples == [(NAME, logging.WARNING, str(event))]


async def test_a_connection_that_nobody_used_is_followed_without_a_wait(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service(()))
    reading = asyncio.create_task(collect(session))
    await session.connect()
    await asyncio.sleep(11.0)
    peers(session)[0].close(1011, "NET-0001")
    await asyncio.sleep(1.0)
    await speak_into(session, 1.0)
    await session.aclose()
    assert [(event.attempt, event.delay_s) for event in of(Reconnecting, await reading)] == [(0, 0.0)]


async def test_a_change_that_is_refused_later_is_logged(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    session = endpoint.session(refusing_oslo(endpoint.service(())))
    reading = asyncio.create_task(collect(session))
    await session.configure(keyterms=["Oslo"])
    await speak_into(session, 1.0)
    await session.aclose()
    (refused,) = of(ChangeRefused, await reading)
    assert refused.change == {"keyterms": ["Oslo"]}
    said = f"a change that was to hold on the next connection was refused: {refused.error}"
    assert [record for record in caplog.record_tuples if "change" in record[2]] == [
        (NAME, logging.WARNING, said)
    ]


async def test_a_fault_of_its_own_ends_a_session_and_is_logged(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault = ZeroDivisionError("ours")

    async def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Conversation, "live", fail)
    session = endpoint.session(endpoint.service(()))
    session.push(b"\1\0")
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        await collect(session)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.name, record.message) == (NAME, "a session failed by a fault of speechwire's own")
    assert record.exc_info is not None and record.exc_info[1] is fault


async def test_a_fault_in_sending_ends_a_connection_and_is_logged(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = endpoint.service([(0.5, 1.0)])
    session = endpoint.session(service)
    await speak_into(session, 1.5)
    connection = session._runner.traffic
    assert connection is not None
    connection.connection.fail(ZeroDivisionError("ours"))
    await session.aclose()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.name, record.message) == (NAME, "a connection failed by a fault of speechwire's own")


async def test_speaking_logs_each_attempt_that_follows_and_tells_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Reconnecting] = []
    transport = MemoryTransport(FakeAura({0: (1, reset)}))
    async with SpeakSession("k", transport=transport, on_retry=told.append) as session:
        await session.speak("Hi.").wait()
    (event,) = told
    assert event.attempt == 1
    assert caplog.record_tuples == [(NAME, logging.WARNING, str(event))]


async def test_a_fault_of_on_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    fault = ZeroDivisionError("theirs")

    def tell(event: Reconnecting) -> None:
        raise fault

    transport = MemoryTransport(FakeAura({0: (1, reset)}))
    async with SpeakSession("k", transport=transport, on_retry=tell) as session:
        await session.speak("Hi.").wait()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.name, record.message) == (NAME, "on_retry failed")
    assert record.exc_info is not None and record.exc_info[1] is fault


async def test_a_fault_of_its_own_in_speaking_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault = ZeroDivisionError("ours")

    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(SpeakRunner, "_new_traffic", fail)
    async with SpeakSession("k", transport=MemoryTransport(FakeAura())) as session:
        with pytest.raises(InternalError, match="ZeroDivisionError"):
            await session.speak("Hi.").wait()
    (record,) = caplog.records
    said = "a speaking session failed by a fault of speechwire's own"
    assert (record.name, record.message) == (NAME, said)
    assert record.exc_info is not None and record.exc_info[1] is fault


async def test_what_goes_well_logs_nothing(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    session = endpoint.session(endpoint.service([(0.5, 1.0)]))
    await speak_into(session, 2.0)
    await session.reopen()
    await session.aclose()
    async with SpeakSession("k", transport=MemoryTransport(FakeAura())) as speaking:
        await speaking.speak("Hi.").wait()
    assert caplog.messages == []


async def test_a_refusal_for_good_is_raised_and_not_logged(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    session = endpoint.session(refusing(HandshakeRefused(401)))
    session.push(b"\1\0")
    with pytest.raises(HandshakeRefused):
        await collect(session)
    assert [record[2] for record in caplog.record_tuples if "AudioDropped" not in record[2]] == []
