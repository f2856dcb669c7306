"""A service that is away, or that never gets anywhere: bounded, said once, and over as soon as it is back."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import (
    Endpoint,
    collect,
    endpoints,
    of,
    peers,
    speak_into,
)
from tests.session.fake_service import FakeService, close, reset
from tests.session.scripted_peer import Line, Script, Scripted, Word, results, turn
from tests.session.watching import Watch

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import (
    AudioDropped,
    BackoffPolicy,
    OutageBegan,
    OutageEnded,
    Reconnected,
    Reconnecting,
    SessionEnded,
)
from speechwire.transport import MemoryPeer

WORD: Word = ("word", 0.4, 0.8)


endpoint = endpoints("flux", "nova")


class Away:
    """A service that cannot be reached for a while.

    Args:
        service: What answers otherwise.
        spans: From when to when it is away, on the loop's clock.
        how: What an attempt meets meanwhile.
    """

    def __init__(self, service: FakeService, *spans: tuple[float, float], how: str = "unreachable") -> None:
        self.service = service
        self.spans = spans
        self.how = how
        self.attempts_at: list[float] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        now = asyncio.get_running_loop().time()
        self.attempts_at.append(now)
        if not any(begin <= now < end for begin, end in self.spans):
            await self.service(peer)
        elif self.how == "silent":  # what was sent is repeated by TCP, and answered in the end
            await asyncio.sleep(max(end for begin, end in self.spans if begin <= now) - now)
            await self.service(peer)
        elif self.how == "accepts and drops":
            peer.reset()
        elif self.how == "unreachable":
            peer.refuse(ConnectFailed("wss://x", "no route"))
        else:
            peer.refuse(HandshakeRefused(int(self.how)))


HOW = ["unreachable", "429", "500", "503", "silent", "accepts and drops"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("lasts_s", [40.0, 150.0])
async def test_a_service_is_heard_soon_after_it_is_back(endpoint: Endpoint, how: str, lasts_s: float) -> None:
    back_s = 4.0 + lasts_s
    service = endpoint.service([(1.0, back_s + 20)])
    away = Away(service, (4.0, back_s), how=how)
    session = endpoint.session(away, connect_timeout_s=4.0)
    watch = Watch(session)
    await speak_into(session, 4.0)
    peers(session)[0].reset()
    await speak_into(session, lasts_s, start_s=4.0)
    before = len(watch.events)
    await speak_into(session, 10.0, start_s=back_s)
    assert any(event.transcript for event in of((Results, TurnInfo), watch.events[before:]))
    events = await watch.close()
    began, ended = of(OutageBegan, events), of(OutageEnded, events)
    assert len(began) == len(ended) <= 1, "said once, if the attempts have been used up"
    assert began or lasts_s < 60
    assert all(event.error.retryable for event in began)
    assert all(event.lasted_s <= lasts_s + 14 for event in ended)
    assert len([event for event in of(AudioDropped, events) if event.reason == "buffer full"]) <= 1
    kinds = [type(event) for event in events]
    if began:
        assert Reconnecting not in kinds[kinds.index(OutageBegan) : kinds.index(OutageEnded)]
    assert events[-1].pushed_s == pytest.approx(back_s + 10)
    assert all(later - before <= 8.0 + 4.001 for before, later in pairwise(away.attempts_at[1:]))


async def test_each_outage_is_said_once(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 2.0)])
    away = Away(service, (5.0, 65.0), (100.0, 160.0))
    session = endpoint.session(away, max_age_s=None)
    events = asyncio.create_task(collect(session))
    for start in (0.0, 100.0):
        await speak_into(session, 5.0 if not start else 20.0, start_s=start)
        peers(session)[-1].reset()
        await speak_into(session, 95.0 if not start else 60.0, start_s=start + (5.0 if not start else 20.0))
    await session.aclose()
    kinds = [type(event) for event in await events if isinstance(event, OutageBegan | OutageEnded)]
    assert kinds == [OutageBegan, OutageEnded, OutageBegan, OutageEnded]


async def test_in_an_outage_nobody_tries_for_a_caller_that_is_silent(endpoint: Endpoint) -> None:
    service = endpoint.service([(1.0, 2.0)])
    away = Away(service, (0.0, 4000.0))
    session = endpoint.session(away, backoff=BackoffPolicy(max_attempts=3))
    events = asyncio.create_task(collect(session))
    await speak_into(session, 10.0)
    await asyncio.sleep(20.0)
    attempts = len(away.attempts_at)
    await asyncio.sleep(5000.0)
    assert len(away.attempts_at) == attempts
    session.push(counted(10 * RATE, RATE // 50))
    await asyncio.sleep(8.5)
    assert len(away.attempts_at) == attempts + 1
    assert session.connected
    await session.aclose()
    assert len(of(OutageBegan, await events)) == 1


async def test_closing_in_an_outage_is_bounded_and_counted(endpoint: Endpoint) -> None:
    away = Away(endpoint.service(), (0.0, 1e9), how="silent")
    session = endpoint.session(away, connect_timeout_s=2.0, backoff=BackoffPolicy(max_attempts=3))
    watch = Watch(session)
    await speak_into(session, 45.0)
    assert len(of(OutageBegan, watch.events)) == 1
    loop = asyncio.get_running_loop()
    began = loop.time()
    events = await watch.close()
    assert loop.time() - began <= 5.0
    assert events[-1] == SessionEnded(complete=False, pushed_s=45.0, dropped_s=45.0, replayed_s=0.0)


async def test_connecting_in_an_outage_tries_at_once_and_tells(endpoint: Endpoint) -> None:
    away = Away(endpoint.service(), (0.0, 100.0))
    session = endpoint.session(away, backoff=BackoffPolicy(max_attempts=2))
    with pytest.raises(ConnectFailed):
        await session.connect()
    attempts = len(away.attempts_at)
    with pytest.raises(ConnectFailed):
        await session.connect()
    assert len(away.attempts_at) == attempts + 1
    await asyncio.sleep(200.0)
    await session.connect()
    assert session.connected
    await session.aclose()


# A service that gets nowhere


def nowhere(endpoint: Endpoint, at_s: float, says: bool, ends: Any) -> Script:
    async def script(line: Line) -> None:
        reported_s = 0.0
        while line.heard_s < at_s:
            await line.hear(min(at_s, line.heard_s + 0.25))
            if says and line.heard_s - reported_s >= 0.25:
                reported_s = line.heard_s
                if endpoint.name == "flux":
                    line.say(**turn("Update", reported_s, WORD))
                else:
                    line.say(**results(reported_s, WORD))
        await asyncio.sleep(0.01)
        ends(line.peer)

    return script


@pytest.mark.parametrize(
    "ends", [close(1011), close(1000), close(1005), reset], ids=["1011", "1000", "1005", "reset"]
)
@pytest.mark.parametrize("says", [True, False], ids=["interims", "nothing"])
@pytest.mark.parametrize("at_s", [0.5, 2.0, 6.0])
async def test_a_service_that_always_gives_up_costs_little(
    endpoint: Endpoint, at_s: float, says: bool, ends: Any
) -> None:
    service = Scripted(nowhere(endpoint, at_s, says, ends))
    session = endpoint.session(service, progress_timeout_s=None)
    watch = Watch(session)
    for start in range(0, 80, 10):
        await speak_into(session, 10.0, start_s=start)
        stats = session.stats()
        pushed_bytes = (start + 10) * 2 * RATE
        assert stats.replayed_bytes <= 3 * pushed_bytes
        assert stats.connections <= 12 + (start + 10) / 4
    connections = session.stats().connections
    got = await watch.close()
    assert connections <= 12 + 80 / 4
    assert len(of(OutageBegan, got)) <= 1
    assert len(of(Reconnecting, got)) <= 10 + (0 if of(OutageBegan, got) else 20)
    retries = [event.delay_s for event in of(Reconnecting, got)]
    bounds = [min(8.0, 0.25 * 2**number) for number in range(len(retries))]
    assert all(delay_s >= bound / 2 for delay_s, bound in zip(retries[:3], bounds, strict=False))
    assert not got[-1].complete
    assert got[-1].pushed_s == 80.0


async def test_a_service_that_finishes_something_each_time_is_no_outage(endpoint: Endpoint) -> None:
    """It is slow work, but it gets on."""

    async def script(line: Line) -> None:
        await line.hear(6.0)
        if endpoint.name == "flux":
            line.say(**turn("StartOfTurn", 6.0, WORD))
            line.say(**turn("EndOfTurn", 6.0, WORD, trigger="model"))
        else:
            line.say(**results(6.0, WORD, is_final=True, speech_final=True))
        await asyncio.sleep(0.01)
        line.peer.reset()

    session = endpoint.session(Scripted(script), progress_timeout_s=None)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 120.0)
    await session.aclose()
    got = await events
    assert not of(OutageBegan, got)
    assert len(of(Reconnected, got)) >= 15
    assert all(event.delay_s <= 0.25 for event in of(Reconnecting, got))
    assert got[-1].replayed_s <= 20.0


async def test_a_service_that_lasts_and_gets_nowhere_ends_no_outage(endpoint: Endpoint) -> None:
    """Each connection lives for many seconds, and says the same again."""

    async def script(line: Line) -> None:
        await line.hear(1.0)
        line.say(**(turn("Update", 1.0, WORD) if endpoint.name == "flux" else results(1.0, WORD)))
        await asyncio.sleep(7.0)
        line.peer.reset()

    service = Scripted(script)
    session = endpoint.session(
        service,
        progress_timeout_s=None,
        buffer_s=200.0,
        replay_s=200.0,
        backoff=BackoffPolicy(max_attempts=4),
    )
    watch = Watch(session)
    await speak_into(session, 120.0)
    events = await watch.close()
    assert len(service.lines) >= 6
    assert len(of(OutageBegan, events)) == 1
    assert not of(OutageEnded, events)
