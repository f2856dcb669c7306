"""Replacing a connection: it returns or raises, whatever stands in its way, and nothing is lost by it."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.counted import RATE
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
from tests.session.handshakes import late, refusing, replacements, silent

from speechwire.errors import ConnectFailed, HandshakeRefused, SessionClosed, SpeechwireError
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import Reconnecting
from speechwire.transport import CloseEvent, MemoryPeer

TURNS = [(1.0, 5.0), (7.0, 8.0)]
endpoint = endpoints("flux", "nova")


def other_options(endpoint: Endpoint) -> ListenV1Options | ListenV2Options:
    if endpoint.name == "flux":
        return ListenV2Options(model="flux-general-multi")
    return ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True, language="es")


# Closed meanwhile


@pytest.mark.parametrize("at_s", [2.0, 4.5])
@pytest.mark.parametrize("wait_s", [0.0, 0.5, 1.0, 1.5], ids=["at once", "handshake", "opened", "waiting"])
async def test_closing_while_a_replacement_is_under_way_loses_nothing(
    endpoint: Endpoint, at_s: float, wait_s: float
) -> None:
    service = endpoint.service([(1.0, 9.0)])
    session = endpoint.session(replacements(service, late(1.0, service)), drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, at_s)
    reopening = asyncio.create_task(session.reopen())
    if wait_s:
        await speak_into(session, wait_s, start_s=at_s)
    else:
        await asyncio.sleep(0)
    service.words = [word for word in service.words if word < (at_s + wait_s) * 4 - 0.01]
    await all_heard(session, events, service)
    with pytest.raises(SessionClosed, match="^the session was closed before its connection was replaced$"):
        await reopening
    assert len(peers(session)) <= 2
    await transport_of(session).aclose()


@pytest.mark.parametrize("late_s", [-0.04, -0.02, 0.0, 0.02, 0.04])
async def test_closing_at_the_age_limit_loses_nothing(endpoint: Endpoint, late_s: float) -> None:
    service = endpoint.service([(1.0, 4.0)])
    session = endpoint.session(service, max_age_s=4.0 + late_s)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 4.0)
    await all_heard(session, events, service)


async def test_a_replacement_is_kept_alive_though_there_is_no_audio(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.5, 1.0)])
    session = endpoint.session(service)
    await speak_into(session, 2.0)
    await asyncio.sleep(10)
    await session.reopen()
    await asyncio.sleep(30)
    assert peers(session)[1].pings or service.heard[1].texts
    await session.aclose()


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_closing_right_after_a_replacement_loses_nothing(endpoint: Endpoint, steps: int) -> None:
    service = endpoint.service([(0.5, 1.0)])
    session = endpoint.session(service, drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    for _ in range(steps):
        await asyncio.sleep(0)
    await all_heard(session, events, service)
    await asyncio.wait({reopening})
    assert isinstance(reopening.exception(), SessionClosed | None)


async def test_a_connection_lost_while_its_replacement_waits_needs_no_other(
    endpoint: Endpoint,
) -> None:
    service = endpoint.service(TURNS, {0: (3.0, reset)})
    session = endpoint.session(service, drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 8.0, start_s=2.0)
    await reopening
    await all_heard(session, events, service)
    assert len(peers(session)) == 3
    assert len(service.heard[1].pieces) == 0, "the replacement had nothing to replace"
    assert peers(session)[1]._to_server.closed is not None


# Refused


REFUSALS: dict[str, SpeechwireError] = {
    "400": HandshakeRefused(400, dg_error="No such model."),
    "401": HandshakeRefused(401),
    "429": HandshakeRefused(429),
    "503": HandshakeRefused(503),
    "unreachable": ConnectFailed("wss://x", "no route"),
}


@pytest.mark.parametrize("error", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("times", [1, 3])
async def test_after_a_refusal_everything_still_returns(
    endpoint: Endpoint, error: SpeechwireError, times: int
) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(
        replacements(service, *[refusing(error)] * times, service), drain_timeout_s=20.0
    )
    events = asyncio.create_task(collect(session))
    options = session._runner.options
    await speak_into(session, 2.0)
    for _ in range(times):
        with pytest.raises(type(error)) as raised:
            await asyncio.wait_for(session.reopen(other_options(endpoint)), 60.0)
        assert raised.value is error
        assert options.wanted != other_options(endpoint), "the old options stay"
    configuring = asyncio.create_task(session.configure(keyterms=["Oslo"]))
    reopening = asyncio.create_task(session.reopen(other_options(endpoint)))
    await speak_into(session, 8.0, start_s=2.0)
    await asyncio.wait_for(reopening, 0.1)
    assert configuring.done()
    assert len(peers(session)) == times + 2
    await all_heard(session, events, service)


async def test_a_handshake_without_an_answer_ends_at_its_deadline(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(replacements(service, silent, service), connect_timeout_s=3.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 3.5, start_s=2.0)
    with pytest.raises(ConnectFailed):
        await asyncio.wait_for(reopening, 0.1)
    again = asyncio.create_task(session.reopen())
    await speak_into(session, 4.5, start_s=5.5)
    await asyncio.wait_for(again, 0.1)
    await all_heard(session, events, service)


async def test_several_at_once_come_one_after_the_other(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.5, 1.0)])
    refuse = refusing(REFUSALS["400"])
    serve = replacements(service, refuse, service, refuse, service)
    served = most_served = 0

    async def count(peer: MemoryPeer) -> None:
        nonlocal served, most_served
        served += 1
        most_served = max(most_served, served)
        await serve(peer)
        served -= 1

    session = endpoint.session(count)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.gather(*(session.reopen() for _ in range(4)), return_exceptions=True)
    await speak_into(session, 3.0, start_s=2.0)
    outcomes = await asyncio.wait_for(reopening, 0.1)
    assert [type(outcome) for outcome in outcomes] == [
        HandshakeRefused,
        type(None),
        HandshakeRefused,
        type(None),
    ]
    assert most_served == 2
    await all_heard(session, events, service)


@pytest.mark.parametrize("wait_s", [0.0, 0.5, 1.2], ids=["at once", "in the handshake", "waiting"])
async def test_one_that_is_cancelled_changes_nothing(endpoint: Endpoint, wait_s: float) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(replacements(service, late(1.0, service)), drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    options = session._runner.options
    before = options.wanted
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen(other_options(endpoint)))
    await speak_into(session, wait_s, start_s=2.0)
    await asyncio.sleep(0)
    reopening.cancel()
    await asyncio.wait({reopening})
    assert options.wanted == before
    await speak_into(session, 8.0 - wait_s, start_s=2.0 + wait_s)
    assert session.stats().rollovers == 0
    again = asyncio.create_task(session.reopen())
    await speak_into(session, 2.5, start_s=10.0)
    await asyncio.wait_for(again, 0.1)
    assert session.stats().rollovers == 1
    await all_heard(session, events, service)


@pytest.mark.parametrize("statuses", [[503], [503, 429]])
async def test_without_a_connection_the_options_wait_for_the_next(
    endpoint: Endpoint, statuses: list[int]
) -> None:
    """Also while it is being refused for a while."""
    service = endpoint.service(TURNS)
    refusals = [refusing(HandshakeRefused(status)) for status in statuses]
    session = endpoint.session(replacements(service, *refusals, service), drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    peers(session)[0].reset()
    await asyncio.sleep(0.01)
    await asyncio.wait_for(session.reopen(other_options(endpoint)), 30.0)
    await speak_into(session, 10.0, start_s=2.0)
    expected = "flux-general-multi" if endpoint.name == "flux" else "language=es"
    assert [expected in peer.request.url for peer in peers(session)] == [False] + [True] * (len(statuses) + 1)
    await all_heard(session, events, service)


async def test_nothing_is_said_of_a_replacement(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(service, drain_timeout_s=20.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 8.0, start_s=2.0)
    await reopening
    await session.aclose()
    assert not [event for event in await events if isinstance(event, Reconnecting)]


async def test_where_the_connection_is_lost_meanwhile_nobody_waits_for_a_boundary(endpoint: Endpoint) -> None:
    """The other one, which was open already, is given back at once."""
    service = endpoint.service([(1.0, 9.0)])
    session = endpoint.session(service, drain_timeout_s=20.0, rollover_wait_s=60.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 0.5, start_s=2.0)
    assert len(peers(session)) == 2
    reset(peers(session)[0])
    await asyncio.wait_for(reopening, 0.1)
    assert await peers(session)[1].receive() == CloseEvent(1006, "aborted")
    await speak_into(session, 7.5, start_s=2.5)
    await all_heard(session, events, service)
