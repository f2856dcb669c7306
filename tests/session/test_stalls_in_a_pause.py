"""A service that falls silent as the caller does: what was said last must not wait for the next word."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from tests.session.driving import Endpoint, Listening, check_words, collect, finals, of, speak_into
from tests.session.fake_service import FakeNova, Fault, NovaVoice, deaf, stall

from speechwire.session import OutageBegan, Reconnecting
from speechwire.transport import MemoryPeer

TURN = (0.5, 3.0)


@pytest.mark.parametrize("name", ["flux", "nova"])
@pytest.mark.parametrize("fault", [deaf, stall], ids=["says nothing", "reads nothing"])
@pytest.mark.parametrize("before_s", [0.0, 0.3, 0.7, 1.3, 2.2])
async def test_the_last_words_are_heard_in_the_pause(name: str, fault: Fault, before_s: float) -> None:
    service = Endpoint(name).service([TURN, (4.0, 5.0)], {0: (TURN[1] - before_s, fault)})
    session = Endpoint(name).session(service)
    events: list[Any] = []
    reading = asyncio.create_task(read(session, events))
    await speak_into(session, TURN[1])
    await asyncio.sleep(10)
    assert len(finals(events)) == 1
    await speak_into(session, 3.0, start_s=TURN[1])
    await session.aclose()
    await reading
    check_words(service, events)
    (retry,) = of(Reconnecting, events)
    assert re.search(r"no progress for [1-4]\.\d s with", str(retry.error))


async def test_a_service_that_answers_no_finalize_costs_one_connection_a_pause() -> None:
    class Sparing(NovaVoice):
        def told(self, kind: str) -> bool:
            return kind != "Finalize" and super().told(kind)

    class SparingService(FakeNova):
        def voice(self, peer: MemoryPeer) -> NovaVoice:
            return Sparing(peer, self.words, interim=True)

    service = SparingService([TURN, (4.0, 5.0)])
    session = Endpoint("nova").session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, TURN[1])
    await asyncio.sleep(600)
    assert len(service.heard) == 2
    await speak_into(session, 3.0, start_s=TURN[1])
    await session.aclose()
    check_words(service, await events)
    assert not of(OutageBegan, await events)


async def read(session: Listening, events: list[Any]) -> None:
    async for event in session:
        events.append(event)
