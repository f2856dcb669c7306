"""A change whose caller was told that it will hold on the next connection, and which is then refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.session.configurable import REFUSED, Configurable
from tests.session.counted import RATE
from tests.session.driving import Endpoint, all_heard, collect, endpoints, of, peers, speak_into
from tests.session.handshakes import refusing_oslo, replacements

from speechwire.errors import ConnectFailed, HandshakeRefused, ServiceError, SessionClosed, SpeechwireError
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import ChangeRefused
from speechwire.transport import CloseEvent, MemoryPeer

TURNS = [(1.0, 5.0), (7.0, 8.0)]
CHANGE = {"keyterms": ["Oslo"]}
endpoint = endpoints("flux", "nova")


def tagged(endpoint: Endpoint) -> Any:
    """Options that show in a URL, and that no ``Configure`` can bring."""
    if endpoint.name == "flux":
        return ListenV2Options(tag=("Oslo",))
    return ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True, tag=("Oslo",))


async def lose(peer: MemoryPeer) -> None:
    peer.reset()
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["configure", "reopen"])
async def test_a_later_refusal_is_an_event_and_the_session_goes_on_without_the_change(
    endpoint: Endpoint, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = Configurable(endpoint.service(TURNS))
    session = endpoint.session(refusing_oslo(service, 400), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    await lose(peers(session)[0])
    change: Any = CHANGE if how == "configure" else tagged(endpoint)
    await (session.configure(**change) if how == "configure" else session.reopen(change))
    with caplog.at_level(logging.WARNING):
        await speak_into(session, 8.0, start_s=2.0)
    await all_heard(session, events, service.service)
    [refused] = of(ChangeRefused, events.result())
    assert refused.change == change
    assert isinstance(refused.error, HandshakeRefused)
    assert refused.error.status == 400
    assert "No such place." in caplog.text
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [False, True, False]


@pytest.mark.parametrize("how", ["configure", "reopen"])
async def test_the_first_connection_may_refuse_a_change_as_well(endpoint: Endpoint, how: str) -> None:
    service = endpoint.service(TURNS)
    session = endpoint.session(refusing_oslo(service, 400), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    change: Any = CHANGE if how == "configure" else tagged(endpoint)
    await (session.configure(**change) if how == "configure" else session.reopen(change))
    await speak_into(session, 10.0)
    await all_heard(session, events, service)
    [refused] = of(ChangeRefused, events.result())
    assert refused.change == change
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [True, False]


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refusal_of_the_key_or_the_balance_is_not_one_of_the_change(
    endpoint: Endpoint, status: int
) -> None:
    """Other options would be refused as well: one attempt shows it."""
    session = endpoint.session(refusing_oslo(endpoint.service(TURNS), status))
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    await lose(peers(session)[0])
    await session.configure(**CHANGE)
    with pytest.raises(SessionClosed):
        await speak_into(session, 8.0, start_s=2.0)
    with pytest.raises(HandshakeRefused):
        await events
    assert isinstance(session.error, HandshakeRefused)
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [False, True]


async def test_a_connection_made_with_a_change_that_is_refused_meanwhile_is_not_used(
    endpoint: Endpoint,
) -> None:
    """``Configure`` is refused while the replacement, which has the change, waits for its moment."""
    service = Configurable(endpoint.service(TURNS), lambda _: REFUSED, delay_s=0.5)
    session = endpoint.session(service, drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    configuring = asyncio.create_task(session.configure(**CHANGE))
    await asyncio.sleep(0)
    reopening = asyncio.create_task(session.reopen())
    await speak_into(session, 8.0, start_s=2.0)
    with pytest.raises(ServiceError, match="Not today"):
        await configuring
    await reopening
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [False, True, False]
    await all_heard(session, events, service.service)


async def test_a_replacement_does_not_have_the_options_of_a_reopen_that_failed(endpoint: Endpoint) -> None:
    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(HandshakeRefused(429))

    service = endpoint.service(TURNS)
    session = endpoint.session(replacements(service, refuse, service), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 0.5)
    failing = asyncio.create_task(session.reopen(tagged(endpoint)))
    await asyncio.sleep(0)
    following = asyncio.create_task(session.reopen())
    await speak_into(session, 8.0, start_s=0.5)
    with pytest.raises(HandshakeRefused):
        await failing
    await following
    # The third was made before the refusal was known, and is not used.
    assert ["Oslo" in peer.request.url for peer in peers(session)] == [False, True, True, False]
    assert await peers(session)[2].receive() == CloseEvent(1006, "aborted")
    await all_heard(session, events, service)


@pytest.mark.parametrize(
    "error", [ConnectFailed("wss://service", "no answer"), HandshakeRefused(400)], ids=["later", "for good"]
)
async def test_a_change_whose_call_raised_is_not_refused_once_more(
    endpoint: Endpoint, error: SpeechwireError
) -> None:
    async def fail(peer: MemoryPeer) -> None:
        peer.refuse(error)

    service = endpoint.service(TURNS)
    session = endpoint.session(replacements(service, fail, service), drain_timeout_s=60)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 0.5)
    with pytest.raises(type(error)):
        await session.reopen(tagged(endpoint))
    await lose(peers(session)[0])
    await speak_into(session, 8.0, start_s=0.5)
    await all_heard(session, events, service)
    assert of(ChangeRefused, events.result()) == []
    assert not any("Oslo" in peer.request.url for peer in peers(session)[2:])


async def test_configure_raises_that_the_session_is_over_whatever_ended_it(endpoint: Endpoint) -> None:
    service = Configurable(endpoint.service(TURNS), lambda _: None)
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 1.0)
    configuring = asyncio.create_task(session.configure(**CHANGE))
    await asyncio.sleep(0.1)
    peers(session)[0].close(1008, "DATA-0000")
    with pytest.raises(SessionClosed, match="1008") as raised:
        await configuring
    assert raised.value.__cause__ is session.error
    with pytest.raises(SpeechwireError, match="1008"):
        await events
