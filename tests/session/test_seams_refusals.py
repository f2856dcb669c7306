"""Settings that are refused, or cannot hold any more."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests.session.configurable import ACCEPTED, REFUSED, Configurable, first_of, second_of
from tests.session.driving import (
    Endpoint,
    all_heard,
    collect,
    endpoints,
    peers,
    speak_into,
    transport_of,
)
from tests.session.fake_service import reset
from tests.session.handshakes import refusing_oslo

from speechwire.errors import HandshakeRefused, ServiceError, SessionClosed
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 5.0), (7.0, 8.0)]
endpoint = endpoints("flux", "nova")


async def test_a_change_that_the_next_connection_is_refused_for_is_given_up(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(refusing_oslo(service), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    peers(session)[0].reset()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await session.configure(keyterms=["Oslo"])
    await speak_into(session, 8.0, start_s=2.0)
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [False, True, False]
    await all_heard(session, events, service.service)


async def test_what_is_refused_without_the_change_as_well_ends_the_session(endpoint: Endpoint) -> None:
    refusal = HandshakeRefused(400, dg_error="No such term.")

    async def serve(peer: MemoryPeer) -> None:
        peer.refuse(refusal)

    session = endpoint.session(serve)
    await session.configure(keyterms=["Oslo"])
    session.push(bytes(3200))
    with pytest.raises(HandshakeRefused, match="No such term"):
        await collect(session)
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [True, False]


async def test_a_change_made_during_a_handshake_outlives_its_refusal(endpoint: Endpoint) -> None:
    """It was no part of what was refused."""
    service = Configurable(endpoint.service(TURNS))

    async def serve(peer: MemoryPeer) -> None:
        if peer.number == 1:
            await asyncio.sleep(0.5)
            peer.refuse(HandshakeRefused(400, dg_error="No such term."))
        else:
            await service(peer)

    session = endpoint.session(serve, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    second, has_second = second_of(endpoint)
    await speak_into(session, 2.0)
    peers(session)[0].reset()
    await asyncio.sleep(0.01)
    await session.configure(keyterms=["Oslo"])
    while len(peers(session)) < 2:
        await asyncio.sleep(0.01)
    later = asyncio.create_task(session.configure(**second))
    await speak_into(session, 8.0, start_s=2.0)
    await asyncio.wait_for(later, 0.1)
    assert service.has(peers(session)[2], **has_second)
    assert not service.has(peers(session)[2], keyterm="Oslo")
    await all_heard(session, events, service.service)


async def test_a_change_made_during_a_handshake_can_still_be_refused(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS), lambda _: REFUSED)

    async def serve(peer: MemoryPeer) -> None:
        await asyncio.sleep(0.5)
        await service(peer)

    session = endpoint.session(serve)
    await speak_into(session, 0.1)
    later = asyncio.create_task(session.configure(keyterms=["Oslo"]))
    await speak_into(session, 2.0, start_s=0.1)
    with pytest.raises(ServiceError, match="Not today"):
        await asyncio.wait_for(later, 0.1)
    peers(session)[0].reset()
    await speak_into(session, 2.0, start_s=2.1)
    assert "Oslo" not in peers(session)[1].request.url
    await session.aclose()


async def test_changes_still_open_at_the_end_are_told(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS), lambda _: None)
    session = endpoint.session(service)
    await speak_into(session, 1.0)
    changing = [asyncio.create_task(session.configure(keyterms=[f"word{n}"])) for n in range(3)]
    await asyncio.sleep(0.1)
    await session.aclose()
    for change in changing:
        with pytest.raises(SessionClosed):
            await change
    await transport_of(session).aclose()


async def test_many_changes_while_offline_stay_few(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS, {0: (2.0, reset)}))
    session = endpoint.session(service)
    for number in range(300):
        await session.configure(keyterms=[f"word{number}"])
    assert len(session._runner.options._changes) <= 16
    await session.connect()
    assert service.has(peers(session)[0], keyterm="word299")
    assert peers(session)[0].request.url.count("keyterm") == 1
    await session.aclose()


async def test_a_change_that_waits_for_its_turn_outlives_the_refusal_of_the_one_before(
    endpoint: Endpoint,
) -> None:
    answers = itertools.chain([REFUSED], itertools.repeat(ACCEPTED))
    service = Configurable(endpoint.service(TURNS), lambda _: next(answers), delay_s=0.5)
    session = endpoint.session(service, drain_timeout_s=60)
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 2.0)
    refused = asyncio.create_task(session.configure(**first))
    await speak_into(session, 0.1, start_s=2.0)
    accepted = asyncio.create_task(session.configure(**second))
    await speak_into(session, 2.0, start_s=2.1)
    with pytest.raises(ServiceError, match="Not today"):
        await asyncio.wait_for(refused, 0.1)
    await asyncio.wait_for(accepted, 0.1)
    assert service.has(peers(session)[0], **has_second)
    peers(session)[0].reset()
    await speak_into(session, 2.0, start_s=4.1)
    assert service.has(peers(session)[1], **has_second)
    assert not service.has(peers(session)[1], **has_first)
    await session.aclose()
