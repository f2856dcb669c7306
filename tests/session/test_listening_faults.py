"""What breaks a listening session's connection, and what comes of it; scripted services, virtual time."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.driving import (
    Endpoint,
    check_turns,
    check_words,
    collect,
    converse,
    finals,
    of,
    peers,
    speak_into,
    words_of,
)
from tests.session.fake_service import Fault, close, deaf, reset, stall

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    ServiceError,
    SessionClosed,
)
from speechwire.session import (
    AudioDropped,
    BackoffPolicy,
    Reconnected,
    Reconnecting,
    SessionEnded,
)
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0)]


async def test_a_plain_conversation(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)
    events = await converse(endpoint.session(service), 9.0)
    check_words(service, events)
    check_turns(events)
    counts = service.counts()
    assert set(counts.values()) == {1}
    assert len(counts) == 9000
    assert events[-1] == SessionEnded(complete=True, pushed_s=9.0, dropped_s=0.0, replayed_s=0.0)
    kinds = [text["type"] for text in service.heard[0].texts]
    assert kinds == (["ForceEndTurn", "CloseStream"] if endpoint.name == "flux" else ["CloseStream"])


FAULTS: dict[str, Fault] = {
    "reset": reset,
    "close 1000": close(1000),
    "close 1005": close(1005),
    "close 1006": close(1006),
    "close 1011 NET-0000": close(1011, "NET-0000"),
    "close 1011 link": close(1011, "See https://dpgr.am/net0000"),
    "close 1012 restart": close(1012, "service restart"),
    "deaf": deaf,
    "stalled": stall,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("at_s", [0.5, 1.6, 2.4, 4.7, 8.0])
async def test_nothing_is_lost_or_doubled(endpoint: Endpoint, fault: Fault, at_s: float) -> None:
    service = endpoint.service(TURNS, {0: (at_s, fault)})
    events = await converse(endpoint.session(service, drain_timeout_s=60.0), 12.0)
    check_words(service, events)
    check_turns(events)
    assert len(service.counts()) == 12000, "a millisecond never arrived"
    assert len(service.heard) == 2
    assert len(of(Reconnecting, events)) == len(of(Reconnected, events)) == 1
    assert not of(AudioDropped, events)
    assert events[-1].complete
    assert events[-1].dropped_s == 0


async def test_one_fault_after_the_other(endpoint: Endpoint) -> None:
    faults = {number: (1.3 + 0.4 * number, reset) for number in range(8)}
    service = endpoint.service(TURNS, faults)
    patient = BackoffPolicy(max_quick_failures=10)
    events = await converse(endpoint.session(service, drain_timeout_s=60.0, backoff=patient), 12.0)
    check_words(service, events)
    check_turns(events)
    assert len(service.counts()) == 12000
    assert not of(AudioDropped, events)


async def test_what_was_covered_is_not_replayed(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS, {0: (6.5, reset)})
    await converse(endpoint.session(service, drain_timeout_s=60.0), 12.0)
    replayed = [ms for ms, count in service.counts().items() if count > 1]
    assert min(replayed) >= (6000 if endpoint.name.startswith("nova") else 5900)


@pytest.mark.parametrize("handshake_s", [0.5, 3.0, 8.0])
async def test_audio_pushed_while_connecting_is_kept(endpoint: Endpoint, handshake_s: float) -> None:
    service = endpoint.service(TURNS)

    async def slow(peer: MemoryPeer) -> None:
        await asyncio.sleep(handshake_s)
        await service(peer)

    events = await converse(endpoint.session(slow, drain_timeout_s=60.0), 9.0)
    check_words(service, events)
    assert set(service.counts().values()) == {1}


async def test_a_handshake_beyond_the_deadline_is_tried_again(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)

    async def slow_once(peer: MemoryPeer) -> None:
        if peer.number == 0:
            await asyncio.sleep(60)
        await service(peer)

    events = await converse(endpoint.session(slow_once, drain_timeout_s=60.0), 12.0)
    check_words(service, events)
    (retry,) = of(Reconnecting, events)
    assert isinstance(retry.error, ConnectFailed)


@pytest.mark.parametrize("statuses", [[503], [429, 503], [500, 502, 503, 504]])
async def test_transient_refusals_at_first_and_at_reconnect(endpoint: Endpoint, statuses: list[int]) -> None:
    service = endpoint.service(TURNS, {len(statuses): (4.0, reset)})
    refusals = [*statuses, None, *statuses]

    async def flaky(peer: MemoryPeer) -> None:
        status = refusals[peer.number] if peer.number < len(refusals) else None
        if status is None:
            await service(peer)
        else:
            peer.refuse(HandshakeRefused(status))

    events = await converse(endpoint.session(flaky, drain_timeout_s=120.0), 20.0)
    check_words(service, events)
    check_turns(events)
    retries = of(Reconnecting, events)
    assert len(retries) == 2 * len(statuses) + 1
    assert not of(AudioDropped, events)


@pytest.mark.parametrize("status", [400, 401, 402, 403])
@pytest.mark.parametrize("at_reconnect", [False, True])
async def test_a_permanent_refusal_raises_with_its_reason(
    endpoint: Endpoint, status: int, at_reconnect: bool
) -> None:
    service = endpoint.service(TURNS, {0: (2.0, reset)})

    async def refuse(peer: MemoryPeer) -> None:
        if at_reconnect and peer.number == 0:
            await service(peer)
        else:
            peer.refuse(HandshakeRefused(status, "body", dg_error="Bad thing.", request_id="r-1"))

    session = endpoint.session(refuse)
    events = asyncio.create_task(collect(session))
    with pytest.raises(SessionClosed, match="Bad thing") as closed:
        await speak_into(session, 9.0)
    assert isinstance(closed.value.__cause__, HandshakeRefused)
    with pytest.raises(HandshakeRefused, match="Bad thing"):
        await events
    await session.aclose()
    assert isinstance(session.error, HandshakeRefused)
    assert len(peers(session)) == 1 + at_reconnect


@pytest.mark.parametrize(("code", "reason"), [(1008, "DATA-0000"), (1009, "BIG-0000")])
async def test_a_permanent_close_raises(endpoint: Endpoint, code: int, reason: str) -> None:
    service = endpoint.service(TURNS, {0: (2.0, close(code, reason))})
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    with pytest.raises(SessionClosed):
        await speak_into(session, 9.0)
    with pytest.raises(ConnectionLost, match=reason):
        await events
    await session.aclose()


async def test_a_fatal_error_message_raises_in_the_services_words() -> None:
    def complain(peer: MemoryPeer) -> None:
        peer.send('{"type":"Error","code":"UNPARSABLE_CLIENT_MESSAGE","description":"What?"}')
        peer.close(1005)

    flux = Endpoint("flux")
    session = flux.session(flux.service(TURNS, {0: (2.0, complain)}))
    events = asyncio.create_task(collect(session))
    with pytest.raises(SessionClosed):
        await speak_into(session, 9.0)
    with pytest.raises(ServiceError, match="What"):
        await events


async def test_a_service_that_accepts_and_dies_is_given_up(endpoint: Endpoint) -> None:
    service = endpoint.service((), dict.fromkeys(range(100), (0.1, reset)))
    policy = BackoffPolicy(max_quick_failures=4)
    session = endpoint.session(service, backoff=policy, wait_out_outages=False)
    events = asyncio.create_task(collect(session))
    with pytest.raises(SessionClosed):
        await speak_into(session, 60.0)
    with pytest.raises(ConnectionLost):
        await events
    assert len(service.heard) == 4


async def test_a_service_that_is_not_there_is_given_up(endpoint: Endpoint) -> None:
    async def absent(peer: MemoryPeer) -> None:
        peer.refuse(ConnectFailed("wss://x", "no route"))

    policy = BackoffPolicy(max_attempts=5)
    session = endpoint.session(absent, backoff=policy, buffer_s=3.0, wait_out_outages=False)
    events = asyncio.create_task(collect(session))
    with pytest.raises(SessionClosed):
        await speak_into(session, 600.0)
    with pytest.raises(ConnectFailed):
        await events
    assert len(peers(session)) == 5


async def test_an_outage_beyond_the_buffer_is_counted_exactly(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 2.0), (28.0, 29.0)])

    async def late(peer: MemoryPeer) -> None:
        if peer.number < 3:
            await asyncio.sleep(60)
        await service(peer)

    session = endpoint.session(late, buffer_s=5.0, connect_timeout_s=8.0, drain_timeout_s=60.0)
    events = await converse(session, 32.0)
    (dropped,) = of(AudioDropped, events)
    assert dropped.reason == "buffer full"
    arrived = len(service.counts())
    assert events[-1].dropped_s == pytest.approx(32.0 - arrived / 1000)
    words = [int(word.word) for final in finals(events) for word in words_of(final)]
    assert words == [112, 113, 114, 115], "what was kept is heard, at its own time"


async def test_sent_audio_beyond_the_replay_limit_is_counted() -> None:
    flux = Endpoint("flux")
    service = flux.service([(0.0, 20.0)], {0: (12.0, reset)})
    session = flux.session(service, replay_s=5.0, drain_timeout_s=60.0)
    events = await converse(session, 22.0)
    (dropped,) = of(AudioDropped, events)
    assert dropped.reason == "replay limit"
    assert dropped.seconds == pytest.approx(7.0, abs=0.1)
    assert events[-1].dropped_s == dropped.seconds


async def test_memory_stays_flat_while_the_peer_stalls(endpoint: Endpoint) -> None:
    service = endpoint.service((), dict.fromkeys(range(10000), (1.0, stall)))
    session = endpoint.session(
        service, buffer_s=5, replay_s=5, backoff=BackoffPolicy(max_quick_failures=10_000, max_attempts=10_000)
    )
    events = asyncio.create_task(collect(session))
    for _ in range(60):
        await speak_into(session, 10.0)
        kept = session.buffered_bytes
        assert kept <= 10 * 32000 + 640
    await session.aclose()
    ended = (await events)[-1]
    assert not ended.complete
    assert ended.pushed_s == pytest.approx(600)
    assert 500 < ended.dropped_s <= 600


@pytest.mark.parametrize("fault", [deaf, stall], ids=["deaf", "stalled"])
async def test_a_half_open_connection_is_noticed_soon(endpoint: Endpoint, fault: Fault) -> None:
    service = endpoint.service(TURNS, {0: (3.0, fault)})
    session = endpoint.session(service, drain_timeout_s=60.0)
    loop = asyncio.get_running_loop()
    began, noticed = loop.time(), []

    async def watch() -> None:
        async for event in session:
            if isinstance(event, Reconnecting):
                noticed.append(loop.time() - began - 3.0)

    watching = asyncio.create_task(watch())
    await speak_into(session, 40.0)
    await session.aclose()
    await watching
    limit_s = {"flux": 5.0, "nova": 7.5, "nova finals": 24.0}[endpoint.name]
    assert len(noticed) == 1
    assert noticed[0] <= limit_s
