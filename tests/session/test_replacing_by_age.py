"""A connection that is old is replaced; one that cannot be stays, and it is tried again."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.session.driving import KEY, Endpoint, all_heard, collect, endpoints, peers, speak_into
from tests.session.handshakes import refusing, replacements

from speechwire.errors import HandshakeRefused
from speechwire.protocol import ListenV1Options
from speechwire.session import ListenSettings, ListenV1Session
from speechwire.session._replacing import Replacing
from speechwire.transport import MemoryPeer, MemoryTransport

endpoint = endpoints("flux", "nova")


async def test_one_that_cannot_be_replaced_stays_and_a_minute_later_is_tried_again(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    service = endpoint.service([(0.5, 1.0)])
    session = endpoint.session(
        replacements(service, refusing(HandshakeRefused(503)), service), max_age_s=6.0, drain_timeout_s=20.0
    )
    events = asyncio.create_task(collect(session))
    with caplog.at_level(logging.WARNING, "speechwire.session"):
        await speak_into(session, 2.0)
        await asyncio.sleep(4.0 + 59.0)
    (record,) = caplog.record_tuples
    assert record[:2] == ("speechwire.session", logging.WARNING)
    assert record[2].startswith("the connection stays, as no other could be opened: ")
    assert "503" in record[2]
    assert len(peers(session)) == 2
    await asyncio.sleep(2.0)
    assert (len(peers(session)), session.stats().rollovers) == (3, 1)
    await all_heard(session, events, service)


async def test_a_fault_of_ours_in_replacing_is_logged_and_the_connection_stays(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(Replacing, "_replace", fail)
    service = endpoint.service([(0.5, 1.0)])
    session = endpoint.session(service, max_age_s=1.5)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("speechwire.session", logging.ERROR)
    assert record.message == "the connection stays, by a fault of speechwire's own"
    assert record.exc_info is not None and str(record.exc_info[1]) == "ours"
    await all_heard(session, events, service)


async def test_a_connections_age_counts_from_its_own_beginning(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service(()), max_age_s=10.0)
    await speak_into(session, 6.0)
    peers(session)[0].reset()
    await speak_into(session, 6.0, start_s=6.0)
    assert (len(peers(session)), session.stats().rollovers) == (2, 0)
    await speak_into(session, 6.0, start_s=12.0)
    assert (len(peers(session)), session.stats().rollovers) == (3, 1)
    await session.aclose()


async def test_of_a_session_that_has_closed_nothing_is_replaced(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service(()), max_age_s=10.0)
    await speak_into(session, 2.0)
    await session.aclose()
    await asyncio.sleep(60.0)
    assert len(peers(session)) == 1


async def test_without_an_age_limit_nothing_is_replaced(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service(()), max_age_s=None)
    await speak_into(session, 1.0)
    await asyncio.sleep(3600.0)
    assert (len(peers(session)), session.stats().rollovers) == (1, 0)
    await session.aclose()


async def test_audio_in_a_container_is_never_continued_elsewhere() -> None:
    async def serve(peer: MemoryPeer) -> None:
        async for _ in peer:
            pass

    transport = MemoryTransport(serve)
    settings = ListenSettings(max_age_s=2.0, progress_timeout_s=None, drain_timeout_s=1.0)
    session = ListenV1Session(
        KEY, ListenV1Options(encoding=None, sample_rate=None), transport=transport, settings=settings
    )
    for _ in range(10):
        session.push(b"of a file")
        await asyncio.sleep(1.0)
    assert len(transport.peers) == 1
    await session.aclose()


async def test_who_replaces_it_finds_the_new_one_in_use(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service(()))
    await speak_into(session, 2.0)
    first = session._runner.traffic
    await session.reopen()
    assert session._runner.traffic is not first
    assert (len(peers(session)), session.stats().rollovers) == (2, 1)
    await session.aclose()
