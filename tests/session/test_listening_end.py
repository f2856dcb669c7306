"""A listening session is closed: in time, with everything, from anywhere."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.driving import (
    Endpoint,
    check_words,
    collect,
    converse,
    finals,
    peers,
    speak_into,
    words_of,
)
from tests.session.handshakes import silent

from speechwire.errors import (
    HandshakeRefused,
    SessionClosed,
    SpeechwireError,
)
from speechwire.session import (
    AudioDropped,
    ListenV2Session,
    SessionEnded,
)
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0)]


async def test_the_connection_dies_while_draining(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 9.0)])
    asked = 0

    async def dies(peer: MemoryPeer) -> None:
        nonlocal asked
        if peer.number == 0:
            async for frame in peer:
                asked += isinstance(frame, str)
                if asked == (2 if endpoint.name == "flux" else 1):
                    peer.reset()
        else:
            await service(peer)

    session = endpoint.session(dies, progress_timeout_s=None, drain_timeout_s=60.0)
    events = await converse(session, 5.0)
    assert [int(word.word) for final in finals(events) for word in words_of(final)] == list(range(4, 20))
    assert events[-1].complete


async def test_closing_is_bounded_and_tells_what_was_lost(endpoint: Endpoint) -> None:
    async def nobody(peer: MemoryPeer) -> None:
        await asyncio.sleep(3600)

    session = endpoint.session(nobody, connect_timeout_s=3600.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    began = asyncio.get_running_loop().time()
    await session.aclose()
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)
    assert (await events)[-2:] == [
        AudioDropped(seconds=2.0, reason="closed"),
        SessionEnded(complete=False, pushed_s=2.0, dropped_s=2.0, replayed_s=0.0),
    ]


async def test_closing_again_or_before_anything_happened(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service())
    await session.aclose()
    await session.aclose()
    assert await collect(session) == [SessionEnded(complete=True, pushed_s=0, dropped_s=0, replayed_s=0)]
    assert not peers(session)
    with pytest.raises(SessionClosed):
        session.push(b"\0\0")
    with pytest.raises(SessionClosed):
        session.flush()
    with pytest.raises(SessionClosed):
        await session.connect()


async def test_closing_while_connecting_tells_whoever_waits_for_the_connection(endpoint: Endpoint) -> None:
    session = endpoint.session(silent)
    connecting = asyncio.create_task(session.connect())
    await asyncio.sleep(1)
    await session.aclose()
    with pytest.raises(SessionClosed, match="^the session was closed while connecting$"):
        await connecting


async def test_two_tasks_close_at_once(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 9.0)
    await asyncio.gather(session.aclose(), session.aclose())
    check_words(service, await events)


async def test_connecting_ahead(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service)
    await session.connect()
    assert session.connected
    assert len(peers(session)) == 1
    await session.connect()
    events = await converse(session, 9.0)
    check_words(service, events)
    assert len(service.heard) == 1


async def test_connecting_ahead_tells_why_not(endpoint: Endpoint) -> None:
    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(HandshakeRefused(401))

    session = endpoint.session(refuse)
    with pytest.raises(HandshakeRefused):
        await session.connect()
    await session.aclose()


async def test_the_transport_of_the_loop_is_shared_and_released() -> None:
    session = ListenV2Session("key", base_url="ws://127.0.0.1:1")
    with pytest.raises(SpeechwireError):
        await asyncio.wait_for(session.connect(), 300)
    await session.aclose()


async def test_closing_while_it_reconnects_with_nothing_to_send_is_immediate_and_complete() -> None:
    flux = Endpoint("flux")
    service = flux.service([(0.5, 1.0)])

    async def once(peer: MemoryPeer) -> None:
        if peer.number:
            await asyncio.sleep(3600)
        await service(peer)

    session = flux.session(once)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 1.5)
    peers(session)[0].reset()
    await asyncio.sleep(1)
    reconnecting = asyncio.create_task(session.connect())
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    await session.aclose()
    assert asyncio.get_running_loop().time() == began
    with pytest.raises(SessionClosed):
        await reconnecting
    assert (await events)[-1] == SessionEnded(complete=True, pushed_s=1.5, dropped_s=0.0, replayed_s=0.0)
