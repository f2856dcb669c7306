"""Settings are wanted from the call on, whatever happens to connections; scripted services, virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from tests.session.configurable import ACCEPTED, REFUSED, Configurable, first_of, second_of
from tests.session.counted import counted
from tests.session.driving import (
    Endpoint,
    all_heard,
    collect,
    endpoints,
    peers,
    speak_into,
)

from speechwire.errors import ConnectFailed, ServiceError
from speechwire.session import BackoffPolicy, OutageBegan
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 5.0), (7.0, 8.0)]
endpoint = endpoints("flux", "nova")


# Two in one turn, then a drop


@pytest.mark.parametrize("delay_s", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
async def test_two_changes_in_a_turn_both_outlive_the_connection(
    endpoint: Endpoint, delay_s: float, at_once: bool
) -> None:
    service = Configurable(endpoint.service(TURNS), delay_s=delay_s)
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 2.0)
    changing = [session.configure(**first), session.configure(**second)]
    if at_once:
        await asyncio.gather(*changing)
    else:
        for change in changing:
            await change
    assert service.has(peers(session)[0], **has_first, **has_second)
    peers(session)[0].reset()
    await speak_into(session, 8.0, start_s=2.0)
    assert service.has(peers(session)[1], **has_first, **has_second)
    await all_heard(session, events, service.service)


@pytest.mark.parametrize("steps", range(1, 12, 2))
async def test_changes_whose_answers_are_lost_hold_on_the_next_connection(
    endpoint: Endpoint, steps: int
) -> None:
    """The connection is lost at any step between the call and the answer to both."""
    service = Configurable(endpoint.service(TURNS), delay_s=0.05)
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 2.0)
    changing = asyncio.gather(session.configure(**first), session.configure(**second))
    for step in range(steps):
        await asyncio.sleep(0.01 if step else 0)
    peers(session)[0].reset()
    await speak_into(session, 8.0, start_s=2.0)
    await asyncio.wait_for(changing, 1.0)
    assert service.has(peers(session)[1], **has_first, **has_second)
    await all_heard(session, events, service.service)


async def test_of_two_changes_of_one_setting_the_later_holds(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    await session.configure(keyterms=["Oslo"])
    await session.configure(keyterms=["Bergen"])
    peers(session)[0].reset()
    await speak_into(session, 8.0, start_s=2.0)
    assert service.has(peers(session)[1], keyterm="Bergen")
    assert "Oslo" not in peers(session)[1].request.url
    await all_heard(session, events, service.service)


@pytest.mark.parametrize("refused", [0, 1])
async def test_a_refused_change_takes_no_other_with_it(endpoint: Endpoint, refused: int) -> None:
    answers = itertools.chain(
        [REFUSED if number == refused else ACCEPTED for number in range(2)], itertools.repeat(ACCEPTED)
    )
    service = Configurable(endpoint.service(TURNS), lambda _: next(answers))
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 2.0)
    for number, change in enumerate((first, second)):
        if number == refused:
            with pytest.raises(ServiceError, match="Not today"):
                await session.configure(**change)
        else:
            await session.configure(**change)
    peers(session)[0].reset()
    await speak_into(session, 8.0, start_s=2.0)
    url = peers(session)[1].request.url
    for number, (name, value) in enumerate((*has_first.items(), *has_second.items())):
        assert (f"{name}={value}" in url) == (number != refused)
    await all_heard(session, events, service.service)


async def test_a_change_comes_behind_the_audio_that_was_pushed_before(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(service, replay_burst_s=0.5, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 0.1)
    session.push(counted(1600, 3 * 16000))  # a backlog, which is paced
    change = asyncio.create_task(session.configure(**first_of(endpoint)[0]))
    await asyncio.sleep(0)
    session.push(counted(1600 + 3 * 16000, 16000 * 6 + 14400))
    await change
    assert service.heard_s[0] == [pytest.approx(3.1)]
    await all_heard(session, events, service.service)


# Without a connection, or between two


async def open_after(peer: MemoryPeer, wait_s: float, service: Any) -> None:
    await asyncio.sleep(wait_s)
    await service(peer)


async def test_a_change_during_the_first_handshake_holds(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(lambda peer: open_after(peer, 1.0, service), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 0.5)
    changing = asyncio.gather(session.configure(**first), session.configure(**second))
    await speak_into(session, 9.5, start_s=0.5)
    await asyncio.wait_for(changing, 0.1)
    assert service.has(peers(session)[0], **has_first, **has_second)
    await all_heard(session, events, service.service)
    assert len(peers(session)) == 1


@pytest.mark.parametrize("wait_s", [0.02, 0.6], ids=["before the attempt", "in the handshake"])
async def test_a_change_during_a_reconnect_holds(endpoint: Endpoint, wait_s: float) -> None:
    service = Configurable(endpoint.service(TURNS))

    async def serve(peer: MemoryPeer) -> None:
        await open_after(peer, 1.0 if peer.number else 0.0, service)

    policy = BackoffPolicy(base_s=0.5)
    session = endpoint.session(serve, drain_timeout_s=60, backoff=policy)
    events = asyncio.create_task(collect(session))
    change, has_change = first_of(endpoint)
    await speak_into(session, 2.0)
    peers(session)[0].reset()
    await speak_into(session, wait_s, start_s=2.0)
    assert not session.connected
    changing = asyncio.create_task(session.configure(**change))
    await speak_into(session, 8.0 - wait_s, start_s=2.0 + wait_s)
    await asyncio.wait_for(changing, 0.1)
    assert service.has(peers(session)[1], **has_change)
    await all_heard(session, events, service.service)


async def test_a_change_without_a_connection_returns_at_once(endpoint: Endpoint) -> None:
    """Before anything, while waiting for the next attempt, in an outage, and after an idle end."""
    service = Configurable(endpoint.service(TURNS))

    async def serve(peer: MemoryPeer) -> None:
        if peer.number < 4:
            peer.refuse(ConnectFailed("wss://x", "no route"))
        else:
            await service(peer)

    policy = BackoffPolicy(max_attempts=3, base_s=4.0)
    session = endpoint.session(serve, drain_timeout_s=60, backoff=policy)
    events: list[Any] = []
    loop = asyncio.get_running_loop()
    changes = [{"keyterms": [f"word{number}"]} for number in range(3)]

    async def at_once(change: dict[str, Any]) -> None:
        began = loop.time()
        await session.configure(**change)
        assert loop.time() == began

    async def read() -> None:
        async for event in session:
            events.append(event)

    reading = asyncio.create_task(read())
    await at_once(changes[0])
    await speak_into(session, 0.1)
    assert len(peers(session)) == 1
    await at_once(changes[1])
    pushed_s = 0.1
    while not any(isinstance(event, OutageBegan) for event in events):
        await speak_into(session, 0.1, start_s=pushed_s)
        pushed_s += 0.1
    await at_once(changes[2])
    while not session.connected:
        await speak_into(session, 0.1, start_s=pushed_s)
        pushed_s += 0.1
    assert ["word0" in peer.request.url for peer in peers(session)] == [True, False, False, False, False]
    assert service.has(peers(session)[-1], keyterm="word2")
    assert "keyterm=word2" in peers(session)[-1].request.url
    await session.aclose()
    await reading


async def test_a_change_while_a_replacement_waits_for_its_moment_holds(endpoint: Endpoint) -> None:
    """The new connection is open already, made without it; the old one is told and then goes."""
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    (first, has_first), (second, has_second) = first_of(endpoint), second_of(endpoint)
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 0.5, start_s=2.0)
    assert len(peers(session)) == 2
    assert not reopening.done()
    await session.configure(**first)
    await session.configure(**second)
    await speak_into(session, 7.5, start_s=2.5)
    await reopening
    assert service.has(peers(session)[1], **has_first, **has_second)
    await all_heard(session, events, service.service)


@pytest.mark.parametrize("wait_s", [0.02, 0.5, 0.98], ids=["early", "in the middle", "late"])
async def test_a_change_during_the_handshake_of_a_replacement_holds(
    endpoint: Endpoint, wait_s: float
) -> None:
    service = Configurable(endpoint.service(TURNS), delay_s=0.1)

    async def serve(peer: MemoryPeer) -> None:
        await open_after(peer, 1.0 if peer.number else 0.0, service)

    session = endpoint.session(serve, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    change, has_change = first_of(endpoint)
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, wait_s, start_s=2.0)
    await session.configure(**change)
    await speak_into(session, 8.0 - wait_s, start_s=2.0 + wait_s)
    await reopening
    assert service.has(peers(session)[1], **has_change)
    await all_heard(session, events, service.service)


async def test_a_change_while_an_old_connection_is_replaced_holds(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(service, drain_timeout_s=60, max_age_s=2.0)
    events = asyncio.create_task(collect(session))
    change, has_change = second_of(endpoint)
    await speak_into(session, 2.3)
    assert len(peers(session)) == 2
    await session.configure(**change)
    await speak_into(session, 12.0, start_s=2.3)
    assert all(service.has(peer, **has_change) for peer in peers(session)[1:])
    await all_heard(session, events, service.service)
