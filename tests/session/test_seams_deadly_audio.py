"""Audio at which the service dies each time, and repeats that are nobody's fault."""

from __future__ import annotations

import asyncio
import math

import pytest
from tests.session.driving import Endpoint, collect, endpoints, of, peers, speak_into
from tests.session.scripted_peer import Line, Scripted, end_well, results, turn

from speechwire.session import AudioDropped, OutageBegan, Reconnecting, SessionEnded
from speechwire.session._deaths import Deaths

STEP_S = 0.25
DEADLY_S = 1.2
endpoint = endpoints("flux", "nova")


def say_so(line: Line) -> None:
    """An interim result of all that was heard, without an end of the turn."""
    if "/v2/" in line.url:
        line.say(**turn("Update" if line.told else "StartOfTurn", line.heard_s, ("word", 0.1, 0.2)))
    else:
        line.say(**results(line.heard_s, ("word", 0.1, 0.2)))


async def talk(line: Line, deadly_s: float) -> None:
    """Give results until the end is asked for; die wherever the caller's second ``deadly_s`` is heard."""
    while not line.count("CloseStream"):
        seen = line.heard_s
        await line.hear_more()
        if any(begin <= deadly_s < end for begin, end in line.spans):
            line.peer.close(1011, "NET-0000")
            return
        if line.heard_s // STEP_S > seen // STEP_S:
            say_so(line)
    if "/v2/" in line.url:
        line.say(**turn("EndOfTurn", line.heard_s, ("word", 0.1, 0.2), trigger="manual"))
    end_well(line)


async def test_audio_at_which_the_service_dies_is_sent_again_three_times(endpoint: Endpoint) -> None:
    service = Scripted(lambda line: talk(line, DEADLY_S))
    session = endpoint.session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 20.0)
    await session.aclose()
    heard = [line for line in service.lines if any(begin <= DEADLY_S for begin, _ in line.spans)]
    assert len(heard) == 4, "once, and three times again"
    [dropped] = of(AudioDropped, await events)
    assert dropped.reason == "replay limit"
    assert DEADLY_S <= dropped.seconds < DEADLY_S + 2.0
    assert not of(OutageBegan, events.result()), "what comes behind it is heard"
    assert service.lines[-1].spans[-1][1] == pytest.approx(20.0)
    assert service.lines[-1].spans[0][0] == pytest.approx(dropped.seconds)


async def test_a_service_that_is_well_again_is_sent_all_of_it(endpoint: Endpoint) -> None:
    """Three connections that die there are not enough."""

    async def well(line: Line) -> None:
        await talk(line, 1e9)

    async def deadly(line: Line) -> None:
        await talk(line, DEADLY_S)

    session = endpoint.session(Scripted(deadly, deadly, deadly, well))
    events = asyncio.create_task(collect(session))
    await speak_into(session, 20.0)
    await session.aclose()
    assert not of(AudioDropped, await events)
    assert len(peers(session)) == 4


async def test_replacements_that_the_caller_asks_for_cost_no_audio(endpoint: Endpoint) -> None:
    service = Scripted(lambda line: talk(line, 1e9))
    session = endpoint.session(service, rollover_wait_s=0.1)
    events = asyncio.create_task(collect(session))
    for second in range(8):
        await speak_into(session, 1.0, start_s=second)
        await session.reopen()
    await session.aclose()
    assert not of(AudioDropped, await events)
    assert not of(Reconnecting, events.result())
    assert len(service.lines) == 9
    assert service.lines[-1].spans == [(0.0, 8.0)]


@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "lost"])
async def test_a_backlog_is_sent_in_time_for_the_deadline(endpoint: Endpoint, *, replaced: bool) -> None:
    """At 1.25 times real time 16 s of an open turn would take 9 s longer than a caller who hangs up waits."""
    service = Scripted(lambda line: talk(line, 1e9))
    session = endpoint.session(service, rollover_wait_s=0.1)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 16.0)
    if replaced:
        await session.reopen()
    else:
        peers(session)[0].reset()
        await asyncio.sleep(0.5)
    await session.aclose()
    ended = (await events)[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.dropped_s == 0.0
    assert service.lines[-1].spans == [(0.0, 16.0)]
    assert service.lines[-1].count("CloseStream") == 1


def test_deaths_at_one_point_are_three_and_deaths_before_it_twelve() -> None:
    deaths = Deaths(100)
    there = [deaths.ended(to, gain_s, 1.0, failed=True) for to, gain_s in ((50, 0.0), (40, -0.2), (60, 0.01))]
    assert there == [0, 0, 40], "what all of them were sent"
    for gain_s, unheard_s in ((-1.0, 1.0), (-math.inf, 1.0), (0.0, 5.0)):
        before = [deaths.ended(90, gain_s, unheard_s, failed=True) for _ in range(12)]
        assert before == [0] * 11 + [90]


@pytest.mark.parametrize(("gain_s", "failed"), [(0.1, True), (0.0, False)], ids=["further", "replaced"])
def test_other_ends_clear_the_audio(gain_s: float, *, failed: bool) -> None:
    deaths = Deaths(100)
    assert not deaths.ended(50, 0.0, 1.0, failed=True)
    assert not deaths.ended(50, 0.0, 1.0, failed=True)
    assert not deaths.ended(70, gain_s, 1.0, failed=failed)
    assert [deaths.ended(60, 0.0, 1.0, failed=True) for _ in range(3)] == [0, 0, 60]


def test_connections_that_take_more_and_more_are_no_hint_at_the_audio() -> None:
    deaths = Deaths(100)
    assert not any(deaths.ended(to, 0.0, 1.0, failed=True) for to in range(100, 1000, 40))
