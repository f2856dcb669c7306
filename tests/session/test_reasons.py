"""Why a connection was given up, as whoever asks is told."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.session.driving import Endpoint, collect, endpoints, of, speak_into
from tests.session.fake_service import close, deaf, stall
from tests.session.fake_voice import FakeAura

from speechwire.errors import ConnectionLost
from speechwire.session import Reconnecting, SpeakSession
from speechwire.transport import MemoryTransport

endpoint = endpoints("flux", "nova")


def reason_of(event: Reconnecting) -> tuple[int, str]:
    assert isinstance(event.error, ConnectionLost)
    return event.error.code, event.error.reason


async def reasons(endpoint: Endpoint, fault: Any, seconds: float, **settings: Any) -> list[tuple[int, str]]:
    """What a call is told whose first connection has this fault after a second."""
    service = endpoint.service([(0.25, 5.0)], {0: (1.0, fault)})
    session = endpoint.session(service, drain_timeout_s=30.0, **settings)
    reading = asyncio.create_task(collect(session))
    await speak_into(session, seconds)
    await session.aclose()
    return [reason_of(event) for event in of(Reconnecting, await reading)]


async def test_a_service_that_answers_nothing(endpoint: Endpoint) -> None:
    told = await reasons(endpoint, deaf, 9.0)
    after_s = 3.5 if endpoint.name == "flux" else 3.5 + 1.4  # Nova is asked first, and has a moment to answer
    assert told == [(1006, f"no progress for {after_s} s with {after_s} s of audio unanswered")]


async def test_a_service_that_reads_nothing(endpoint: Endpoint) -> None:
    told = await reasons(endpoint, stall, 9.0, window_bytes=8_000, progress_timeout_s=None)
    assert told == [(1006, "the service stopped reading: a send took over 5 s")]


async def test_a_service_that_reads_nothing_while_the_session_closes(endpoint: Endpoint) -> None:
    told = await reasons(endpoint, stall, 1.5, window_bytes=8_000, progress_timeout_s=None)
    assert told == [(1006, "the service stopped reading")]


async def test_a_service_that_closes(endpoint: Endpoint) -> None:
    assert await reasons(endpoint, close(1012, "service restart"), 3.0) == [(1012, "service restart")]


async def test_a_service_that_stops_speaking() -> None:
    told: list[Reconnecting] = []
    service = FakeAura({0: (2, deaf)})
    async with SpeakSession("k", transport=MemoryTransport(service), on_retry=told.append) as session:
        await session.speak("Hello.").wait()
    assert [reason_of(event) for event in told] == [
        (1006, "no audio for 8.0 s although a flush is outstanding")
    ]


async def test_a_service_that_does_not_answer_an_interruption() -> None:
    told: list[Reconnecting] = []
    service = FakeAura(answers_clear=False)
    async with SpeakSession("k", transport=MemoryTransport(service), on_retry=told.append) as session:
        old = session.speak("Hello.")
        await asyncio.sleep(0.2)
        old.interrupt()
        await session.speak("New.").wait()
    assert [reason_of(event) for event in told] == [(1006, "the service did not answer the interruption")]
