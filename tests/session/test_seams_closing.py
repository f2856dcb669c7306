"""How a listening session ends: what it waits for, how often it asks, and what it says of the rest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.session.driving import (
    Endpoint,
    Listening,
    check_words,
    collect,
    converse,
    peers,
    said,
    speak_into,
)
from tests.session.fake_service import Fault, close, deaf, reset, stall
from tests.session.scripted_peer import Line, Scripted, Word, end_well, results, turn

from speechwire.errors import ConnectionLost
from speechwire.session import AudioDropped, SessionEnded
from speechwire.transport import MemoryPeer

WORD: Word = ("word", 0.4, 0.8)
TURNS = [(1.0, 2.0), (3.5, 4.5)]


async def timed_close(session: Listening) -> float:
    """How long ``aclose`` takes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await session.aclose()
    return loop.time() - began


async def test_a_handshake_for_nothing_is_not_waited_for(endpoint: Endpoint) -> None:
    async def serve(peer: MemoryPeer) -> None:
        await asyncio.sleep(5.0)

    session = endpoint.session(serve)
    reading = asyncio.create_task(collect(session))
    connecting = asyncio.create_task(session.connect())
    await asyncio.sleep(1.0)
    assert await timed_close(session) == 0.0
    (end,) = await reading
    assert (end.complete, end.dropped_s) == (True, 0.0)
    await asyncio.gather(connecting, return_exceptions=True)


@pytest.mark.parametrize("cancelled_s", [0.01, 0.3])
async def test_one_that_stops_waiting_for_the_end_does_not_end_it_for_another(
    endpoint: Endpoint, cancelled_s: float
) -> None:
    async def serve(line: Line) -> None:
        await line.wait_for("CloseStream")
        await asyncio.sleep(0.5)
        end_well(line)

    session = endpoint.session(Scripted(serve), drain_timeout_s=4.0)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 1.5)
    impatient, patient = (asyncio.create_task(session.aclose()) for _ in range(2))
    await asyncio.sleep(cancelled_s)
    impatient.cancel()
    await patient
    assert impatient.cancelled()
    assert (await reading)[-1].dropped_s == 0.0


@pytest.mark.parametrize("count", [1, 2])
async def test_the_last_who_waits_and_stops_ends_it(endpoint: Endpoint, count: int) -> None:
    async def serve(line: Line) -> None:
        await line.wait_for("CloseStream")

    session = endpoint.session(Scripted(serve), drain_timeout_s=4.0)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, 1.5)
    for closing in [asyncio.create_task(session.aclose()) for _ in range(count)]:
        await asyncio.sleep(0.1)
        closing.cancel()
    async with asyncio.timeout(0.1):
        (ended,) = [event for event in await reading if isinstance(event, SessionEnded)]
    assert ended.dropped_s == 1.5


# A service that does not answer the end as it should

BREAKS: dict[str, Fault] = {
    "1000": close(1000),
    "1001": close(1001),
    "1005": close(1005),
    "1006": close(1006),
    "1011": close(1011),
    "1011 NET-0000": close(1011, "NET-0000"),
    "1011 NET-0001": close(1011, "NET-0001"),
    "1012": close(1012, "service restart"),
    "1013": close(1013, "try again later"),
    "reset": reset,
}


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())
async def test_an_end_that_breaks_off_is_asked_for_once_more(endpoint: Endpoint, fault: Fault) -> None:
    """The first connection says nothing; the second would say everything, if it is asked."""

    async def breaking(peer: MemoryPeer) -> None:
        if peer.number:
            await service(peer)
            return
        async for frame in peer:
            if isinstance(frame, str) and json.loads(frame)["type"] == "CloseStream":
                fault(peer)

    service = endpoint.service(TURNS)
    session = endpoint.session(breaking, progress_timeout_s=None, drain_timeout_s=60.0)
    events = await converse(session, 6.0)
    check_words(service, events)
    assert len(peers(session)) == 2
    assert events[-1] == SessionEnded(complete=True, pushed_s=6.0, dropped_s=0.0, replayed_s=6.0)


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS.keys())
@pytest.mark.parametrize("interim", [False, True], ids=["says nothing", "speaks before the end"])
async def test_an_end_that_always_breaks_off_is_reported(
    endpoint: Endpoint, fault: Fault, interim: bool
) -> None:
    async def breaking(line: Line) -> None:
        await line.hear(1.0)
        if interim and endpoint.name == "flux":
            line.say(**turn("StartOfTurn", 1.0, WORD))
        elif interim:
            line.say(**results(1.0, WORD))
        await line.wait_for("CloseStream")
        fault(line.peer)

    service = Scripted(breaking)
    session = endpoint.session(service, progress_timeout_s=None)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    assert await timed_close(session) <= 5.0
    got = await events
    assert len(service.lines) <= 2
    assert [line.count("CloseStream") for line in service.lines] == [1] * len(service.lines)
    assert session.stats().replayed_bytes <= 3.0 * 32000
    assert said(got) == [], "what was not final is not made final"
    assert got[-2:] == [
        AudioDropped(seconds=3.0, reason="closed"),
        SessionEnded(complete=False, pushed_s=3.0, dropped_s=3.0, replayed_s=got[-1].replayed_s),
    ]


async def test_a_turn_before_the_broken_end_is_delivered_once() -> None:
    async def breaking(line: Line) -> None:
        await line.wait_for("CloseStream")
        if heard := line.heard_of(WORD):
            line.say(**turn("StartOfTurn", 1.0, *heard))
            line.say(**turn("EndOfTurn", 1.0, *heard, trigger="model"))
            await asyncio.sleep(0.1)
        line.peer.reset()

    service = Scripted(breaking)
    events = await converse(Endpoint("flux").session(service), 3.0)
    assert said(events) == ["word"]
    assert len(service.lines) == 2
    assert service.lines[1].spans == [(1.0, 3.0)]
    assert events[-1] == SessionEnded(complete=False, pushed_s=3.0, dropped_s=2.0, replayed_s=2.0)


@pytest.mark.parametrize(("code", "kind"), [(1000, "nova"), (1000, "nova finals"), (1005, "flux")])
@pytest.mark.parametrize("after", ["nothing", "half of it"])
async def test_a_polite_end_without_results_is_not_taken_for_all(code: int, kind: str, after: str) -> None:
    async def polite(line: Line) -> None:
        await line.wait_for("CloseStream")
        if after == "half of it" and kind == "flux":
            line.say(**turn("Update", 2.0))
        elif after == "half of it":
            line.say(**results(2.0, WORD, is_final=True))
        line.peer.close(code)

    service = Scripted(polite)
    events = await converse(Endpoint(kind).session(service, progress_timeout_s=None), 5.0)
    assert not events[-1].complete
    # The second connection is told the rest, and says the same of it.
    assert events[-1].dropped_s == (1.0 if after == "half of it" and kind != "flux" else 5.0)
    assert len(service.lines) == 2


async def test_a_summary_after_the_end_shows_that_all_was_done() -> None:
    """Nothing was said: there need be no final result."""

    async def summarize(line: Line) -> None:
        await line.wait_for("CloseStream")
        line.say(type="Metadata", request_id="r", duration=5.0, channels=1)
        line.peer.close(1000)

    service = Scripted(summarize)
    events = await converse(Endpoint("nova").session(service, progress_timeout_s=None), 5.0)
    assert events[-1] == SessionEnded(complete=True, pushed_s=5.0, dropped_s=0.0, replayed_s=0.0)


async def test_an_old_connection_that_is_replaced_while_closing_claims_nothing() -> None:
    """The age of a connection and the end of the session fall into the same moment."""

    async def polite(line: Line) -> None:
        await line.wait_for("CloseStream")
        line.peer.close(1000)

    for late_s in (-0.02, 0.0, 0.02):
        session = Endpoint("nova").session(Scripted(polite), max_age_s=5.0 + late_s)
        events = await converse(session, 5.0)
        assert not events[-1].complete
        assert events[-1].dropped_s == pytest.approx(5.0)


# Patience


@pytest.mark.parametrize(
    ("after_s", "drain_timeout_s", "progress_timeout_s"),
    [(3.0, 5.0, 3.5), (4.9, 5.0, 3.5), (15.0, 20.0, 3.5), (15.0, 20.0, 2.5), (59.0, 60.0, None)],
)
async def test_a_slow_end_is_waited_for(
    endpoint: Endpoint, after_s: float, drain_timeout_s: float, progress_timeout_s: float | None
) -> None:
    async def slow(line: Line) -> None:
        await line.hear(2.0)
        await asyncio.sleep(0)
        line.say(**(turn("Update", 2.0) if endpoint.name == "flux" else results(2.0)))
        await line.wait_for("CloseStream")
        await asyncio.sleep(after_s)
        end_well(line, *(() if endpoint.name == "flux" else (WORD,)))

    service = Scripted(slow)
    session = endpoint.session(
        service, drain_timeout_s=drain_timeout_s, progress_timeout_s=progress_timeout_s
    )
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.3)
    assert await timed_close(session) == pytest.approx(after_s, abs=0.1)
    got = await events
    assert len(service.lines) <= 2
    assert got[-1].complete
    assert (got[-1].pushed_s, got[-1].dropped_s) == (2.3, 0.0)
    assert said(got) == ([] if endpoint.name == "flux" else ["word"])


async def test_results_that_trickle_in_after_the_end_was_asked_for_are_taken(endpoint: Endpoint) -> None:
    words = [(str(n), float(n), n + 0.5) for n in range(10)]

    async def trickle(line: Line) -> None:
        await line.wait_for("CloseStream")
        for number, word in enumerate(words):
            await asyncio.sleep(1.5)
            if endpoint.name == "flux":
                line.say(**turn("StartOfTurn", number + 0.5, word, index=number))
                line.say(**turn("EndOfTurn", number + 1.0, word, index=number, trigger="model"))
            else:
                line.say(**results(number + 1.0, word, start=float(number), is_final=True))
        end_well(line)

    session = endpoint.session(Scripted(trickle), drain_timeout_s=20.0, progress_timeout_s=None)
    events = await converse(session, 10.0)
    assert said(events) == [str(n) for n in range(10)]
    assert events[-1].complete


@pytest.mark.parametrize("drain_timeout_s", [0.3, 5.0, 12.0])
async def test_an_end_that_never_comes_is_bounded(endpoint: Endpoint, drain_timeout_s: float) -> None:
    service = Scripted(Line.listen)
    session = endpoint.session(service, drain_timeout_s=drain_timeout_s, progress_timeout_s=None)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    assert await timed_close(session) == pytest.approx(drain_timeout_s, abs=0.01)
    assert (await events)[-1] == SessionEnded(complete=False, pushed_s=2.0, dropped_s=2.0, replayed_s=0.0)
    assert len(service.lines) == 1


@pytest.mark.parametrize("known_s", [0.0, 0.6, 3.0], ids=["just now", "not yet known", "known"])
async def test_a_peer_that_stopped_reading_is_not_waited_for(endpoint: Endpoint, known_s: float) -> None:
    service = endpoint.service([(0.25, 1.25)], {0: (1.0, stall)})
    session = endpoint.session(service, window_bytes=8_000, drain_timeout_s=60.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 1.5)
    await asyncio.sleep(known_s)
    assert await timed_close(session) <= 1.1
    check_words(service, await events)
    assert len(service.heard) == 2


@pytest.mark.parametrize("drain_timeout_s", [2.0, 5.0, 60.0])
async def test_a_service_that_reads_nothing_is_not_waited_for(
    endpoint: Endpoint, drain_timeout_s: float
) -> None:
    service = endpoint.service((), dict.fromkeys(range(99), (1.0, stall)))
    session = endpoint.session(service, window_bytes=8_000, drain_timeout_s=drain_timeout_s)
    events: list[Any] = []
    reading = asyncio.create_task(read_into(events, session))
    await speak_into(session, 1.5)
    assert await timed_close(session) <= min(drain_timeout_s, 6.0)
    await asyncio.wait({reading})
    assert len(service.heard) <= 4
    assert isinstance(reading.exception(), ConnectionLost | None)
    assert events[-1].dropped_s == 1.5
    assert not events[-1].complete


async def read_into(events: list[Any], session: Listening) -> None:
    async for event in session:
        events.append(event)


@pytest.mark.parametrize("fault", [deaf, stall], ids=["deaf", "stalled"])
async def test_a_peer_that_stood_still_before_is_left_for_another(endpoint: Endpoint, fault: Fault) -> None:
    """It had been silent for as long as it may: the deadline is no reason to give it more."""
    service = endpoint.service([(0.0, 2.0)], {0: (0.5, fault)})
    session = endpoint.session(service, drain_timeout_s=600.0, progress_timeout_s=2.0)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 3.0)
    assert await timed_close(session) <= 2.0 + 1.0
    check_words(service, await events)
    assert len(service.heard) == 2


async def test_a_peer_that_only_reads_slowly_is_waited_for(endpoint: Endpoint) -> None:
    service = endpoint.service(TURNS)

    async def slow(peer: MemoryPeer) -> None:
        receive = peer.receive

        async def slowly() -> Any:
            frame = await receive()
            await asyncio.sleep(0.0201 if isinstance(frame, bytes) else 0)
            return frame

        peer.receive = slowly  # type: ignore[method-assign]
        await service(peer)

    session = endpoint.session(slow, window_bytes=2_000, drain_timeout_s=30.0)
    events = await converse(session, 6.0)
    check_words(service, events)
    assert events[-1] == SessionEnded(complete=True, pushed_s=6.0, dropped_s=0.0, replayed_s=0.0)
