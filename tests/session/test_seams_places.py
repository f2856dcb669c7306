"""Replacing connections in a pool whose places are all taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.counted import RATE
from tests.session.driving import (
    KEY,
    Endpoint,
    Listening,
    all_heard,
    collect,
    endpoints,
    speak_into,
)
from tests.session.fake_service import stall
from tests.session.handshakes import replacements, silent
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import ConnectFailed
from speechwire.protocol import ListenV1Options
from speechwire.session import ConnectionLimiter, ListenSettings, SessionPool
from speechwire.transport import CloseEvent, MemoryTransport, Take, WebSocket

TURNS = [(1.0, 5.0), (7.0, 8.0)]
endpoint = endpoints("flux", "nova")


def in_pool(pool: SessionPool, endpoint: Endpoint, **settings: Any) -> Listening:
    listen = ListenSettings(**settings)
    if endpoint.name == "flux":
        return pool.listen_v2(settings=listen)
    options = ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True)
    return pool.listen_v1(options, settings=listen)


@pytest.mark.parametrize("limits", [(1, 16), (1, 1), (None, 1)], ids=["one place", "one of all", "one door"])
async def test_in_a_full_pool_a_place_is_borrowed(endpoint: Endpoint, limits: tuple[int | None, int]) -> None:
    service = endpoint.service(TURNS)
    transport = MemoryTransport(service)
    pool = SessionPool(KEY, transport=transport, max_listen=limits[0], max_handshakes=limits[1])
    session = in_pool(pool, endpoint, drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    for start in (2.0, 12.0):
        reopening = asyncio.create_task(session.reopen())
        await speak_into(session, 10.0, start_s=start)
        await asyncio.wait_for(reopening, 0.1)
    assert pool.snapshot().open_listen == 1
    assert len(transport.peers) == 3
    await all_heard(session, events, service)
    assert pool.snapshot().open_listen == 0
    other = in_pool(pool, endpoint)
    await asyncio.wait_for(other.connect(), 1.0)
    await pool.aclose()


async def test_in_a_full_pool_an_old_connection_is_replaced(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    transport = MemoryTransport(service)
    pool = SessionPool(KEY, transport=transport, max_listen=1)
    session = in_pool(pool, endpoint, max_age_s=3.0, drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 16.0)
    assert len(transport.peers) >= 3
    await all_heard(session, events, service)
    await pool.aclose()


async def test_many_in_a_full_pool_all_get_their_turn(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.5, 1.0)])
    transport = MemoryTransport(service)
    pool = SessionPool(KEY, transport=transport, max_listen=4, max_handshakes=1)
    sessions = [in_pool(pool, endpoint) for _ in range(4)]
    await asyncio.gather(*(speak_into(session, 2.0) for session in sessions))
    await asyncio.wait_for(asyncio.gather(*(session.reopen() for session in sessions)), 60.0)
    assert [session.stats().rollovers for session in sessions] == [1] * 4
    assert pool.snapshot().open_listen == 4
    await pool.aclose()


async def test_a_pool_whose_service_is_stuck_gives_back_what_was_borrowed(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    transport = MemoryTransport(replacements(service, silent, stall, service))
    pool = SessionPool(KEY, transport=transport, max_listen=1, max_handshakes=1)
    session = in_pool(pool, endpoint, connect_timeout_s=2.0)
    await speak_into(session, 2.0)
    with pytest.raises(ConnectFailed):
        await session.reopen()
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 0.5, start_s=2.0)
    reopening.cancel()
    await asyncio.wait({reopening})
    await session.aclose()
    other = in_pool(pool, endpoint)
    await asyncio.wait_for(other.connect(), 5.0)
    assert pool.snapshot().open_listen == 1
    await pool.aclose()


async def test_a_borrowed_place_is_nobody_elses_and_takes_none_away(endpoint: Endpoint) -> None:
    """Two places: one session has two connections for a moment, and another session gets in beside it."""
    service = endpoint.service([(1.0, 9.0)])
    transport = MemoryTransport(service)
    pool = SessionPool(KEY, transport=transport, max_listen=2)
    session, other, third = (in_pool(pool, endpoint, rollover_wait_s=5.0) for _ in range(3))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 0.5, start_s=2.0)
    assert pool.snapshot().open_listen == 2
    await asyncio.wait_for(other.connect(), 0.1)
    assert pool.snapshot().open_listen == 3
    waiting = asyncio.create_task(third.connect())
    await speak_into(session, 7.0, start_s=2.5)
    await reopening
    assert not waiting.done(), "both places are taken"
    await other.aclose()
    await asyncio.wait_for(waiting, 0.1)
    await pool.aclose()


class Open:
    """A connection that is there and does nothing."""

    request_id = None
    ready = True

    async def send(self, frame: str | bytes) -> None: ...

    def send_now(self, frame: bytes) -> None: ...

    async def receive(self) -> str | bytes | CloseEvent:
        return CloseEvent(1006)

    async def receive_each(self, take: Take) -> CloseEvent | None:
        return CloseEvent(1006)

    async def ping(self) -> None: ...

    async def aclose(self, code: int = 1000) -> None: ...

    def abort(self) -> None: ...


@settings(max_examples=80, deadline=None)
@given(
    places=st.integers(1, 3),
    doors=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.sampled_from(["join", "replace", "lose", "leave"]), st.integers(0, 5), st.booleans()),
        max_size=40,
    ),
)
def test_no_more_sessions_than_places_and_none_is_forgotten(
    places: int, doors: int, steps: list[tuple[str, int, bool]]
) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(come_and_go(places, doors, steps))


async def come_and_go(places: int, doors: int, steps: list[tuple[str, int, bool]]) -> None:
    limiter = ConnectionLimiter(max_connections=places, max_handshakes=doors)
    inside: list[WebSocket] = []
    replacing: set[int] = set()

    async def join(fails: bool) -> None:
        await limiter.admit()
        await asyncio.sleep(1.0)
        if fails:
            limiter.failed(ConnectFailed("wss://x", "no route"))
        else:
            inside.append(limiter.opened(Open()))

    async def replace(old: WebSocket, fails: bool) -> None:
        async with limiter.borrow():
            await limiter.admit(borrowed=True)
            await asyncio.sleep(1.0)
            if fails or old not in inside:
                limiter.failed(ConnectFailed("wss://x", "no route"), borrowed=True)
                return
            new = limiter.opened(Open(), borrowed=True)
            await asyncio.sleep(1.0)
            if old in inside:
                limiter.hand_over(old, new)
                inside[inside.index(old)] = new
            else:
                new.abort()
            old.abort()

    tasks: list[asyncio.Task[None]] = []
    for what, which, flag in steps:
        if what == "join":
            tasks.append(asyncio.create_task(join(flag)))
        elif inside and what == "replace" and id(inside[which % len(inside)]) not in replacing:
            old = inside[which % len(inside)]
            replacing.add(id(old))
            tasks.append(asyncio.create_task(replace(old, flag)))
        elif inside and what in ("lose", "leave"):
            inside.pop(which % len(inside)).abort()
        await asyncio.sleep(0.4 if flag else 0.0)
        assert len(inside) <= places
        assert limiter.open_connections <= places + doors
    while any(not task.done() for task in tasks):
        await asyncio.sleep(2.5)
        assert len(inside) <= places
        if inside:
            inside.pop().abort()
    for websocket in inside:
        websocket.abort()
    assert limiter.open_connections == 0
    for _ in range(places):
        await asyncio.wait_for(limiter.admit(), 0.1)
        limiter.opened(Open())
    assert limiter.open_connections == places, "every place is free again"
