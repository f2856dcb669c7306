"""A service that falls silent in the last moments of a call, when nothing more is sent that could show it."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import finals, words_of
from tests.transport.counted_engine import CountedEngine

from speechwire.emulator import Emulator, HalfOpen, Stall
from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.session import ListenSettings, ListenV1Session, ListenV2Session, SessionEnded

SPOKEN_S = 3.0
SETTINGS = ListenSettings(drain_timeout_s=10.0, replay_speed=None)


@pytest.mark.parametrize(("endpoint", "fault"), [("flux", Stall), ("nova", HalfOpen)])
async def test_the_last_words_are_not_lost(endpoint: str, fault: type[Stall | HalfOpen]) -> None:
    engine = CountedEngine([(0.5, SPOKEN_S)])
    async with Emulator(engine, faults=[fault(at_s=SPOKEN_S - 0.3, connections={0})]) as emulator:
        session = make_session(endpoint, emulator.base_url)
        events: list[object] = []
        reading = asyncio.create_task(read(session, events))
        frame = RATE // 50
        for start in range(0, int(SPOKEN_S * RATE), frame):
            session.push(counted(start, frame))
            await asyncio.sleep(0.02)
        await session.aclose()
        await reading
    assert [int(word.word) for event in finals(events) for word in words_of(event)] == engine.words
    assert isinstance(events[-1], SessionEnded)
    assert events[-1].complete


def make_session(endpoint: str, base_url: str) -> ListenV2Session | ListenV1Session:
    if endpoint == "flux":
        return ListenV2Session("k", ListenV2Options(), base_url=base_url, settings=SETTINGS)
    options = ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True, endpointing=300)
    return ListenV1Session("k", options, base_url=base_url, settings=SETTINGS)


async def read(session: ListenV2Session | ListenV1Session, events: list[object]) -> None:
    async for event in session:
        events.append(event)
