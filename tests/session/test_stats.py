"""What sessions count, whole."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any, cast

import pytest
from tests.session.driving import Endpoint, collect, endpoints, peers, speak_into
from tests.session.fake_service import deaf, reset
from tests.session.fake_voice import FakeAura
from tests.session.handshakes import late, refusing, replacements

from speechwire.errors import HandshakeRefused
from speechwire.session import Histogram, ListenStats, SpeakSession, SpeakStats
from speechwire.transport import MemoryTransport

endpoint = endpoints("flux", "nova")


def numbers(stats: ListenStats | SpeakStats) -> dict[str, Any]:
    """Every counter that is not 0, times rounded to milliseconds, and how many values each histogram has."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(stats):
        value = getattr(stats, field.name)
        number = value.count if isinstance(value, Histogram) else round(value, 3)
        if number:
            found[field.name] = number
    return found


async def test_a_call_with_a_pause_at_its_end(endpoint: Endpoint) -> None:
    session = endpoint.session(late(0.3, endpoint.service([(0.5, 1.0)])))
    await speak_into(session, 4.0)
    await asyncio.sleep(10)
    await session.aclose()
    stats = session.stats()
    both = {"connections": 1, "connect": 1, "connected_s": 13.7}
    if endpoint.name == "flux":
        silence = {"chunks": 203, "sent_bytes": 160_000, "silence_bytes": 32_000, "sent_s": 5.0}
        expected = {**both, **silence, "covered_s": 3.0, "lag": 20}
    else:
        sent = {"chunks": 200, "sent_bytes": 128_000, "sent_s": 4.0, "covered_s": 4.0, "lag": 5}
        expected = {**both, **sent, "keep_alives": 2, "service_s": 4.0}
    assert numbers(stats) == expected
    assert stats.connect.sum_s == pytest.approx(0.3)
    assert stats.lag.sum_s == pytest.approx(0.39 if endpoint.name == "flux" else 0.0)


async def test_a_connection_that_is_lost_and_an_attempt_that_is_refused(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.5, 1.0)], {0: (2.0, reset)})
    session = endpoint.session(replacements(service, refusing(HandshakeRefused(503)), service))
    await speak_into(session, 4.0)
    await session.aclose()
    counted = numbers(session.stats())
    assert 3.0 < counted.pop("connected_s") < 4.0, "without the wait between the two"
    repeated = {"chunks": 225, "sent_bytes": 144_000, "replayed_bytes": 16_000, "sent_s": 4.5}
    both = {"connections": 2, "refused": 1, "connect": 2, **repeated}
    if endpoint.name == "flux":
        assert counted == {**both, "covered_s": 2.0, "lag": 17}
    else:
        assert counted == {**both, "covered_s": 4.0, "service_s": 2.5, "lag": 5}


async def test_a_connection_that_is_open_in_name_only(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service([(0.5, 1.0)], {0: (1.0, deaf)}))
    await speak_into(session, 8.0)
    await session.aclose()
    stats = session.stats()
    assert (stats.connections, stats.stalls, stats.refused, stats.rollovers) == (2, 1, 0, 0)
    assert stats.sent_bytes == 8 * 32_000 + stats.replayed_bytes
    assert stats.lost_bytes == 0


async def test_a_connection_that_is_refused_for_good_is_none(endpoint: Endpoint) -> None:
    session = endpoint.session(refusing(HandshakeRefused(401)))
    session.push(bytes(640))
    with pytest.raises(HandshakeRefused):
        await collect(session)
    assert numbers(session.stats()) == {"refused": 1, "lost_bytes": 640}
    assert len(peers(session)) == 1


SPOKEN = {"connections": 1, "connect": 1, "requests": 3, "interrupted": 1, "characters": 18, "flushes": 3}
AGAIN = {"connections": 2, "connect": 2, "resends": 1, "characters": 24, "flushes": 4}
STORIES: dict[str, tuple[FakeAura, dict[str, Any]]] = {
    "well": (FakeAura(), {"connected_s": 0.9, "first_audio": 3}),
    "lost": (FakeAura({0: (2, reset)}), {**AGAIN, "connected_s": 1.0, "first_audio": 3}),
    "refused flush": (
        FakeAura(refused={0}),
        {"flushes": 4, "refused_flushes": 1, "connected_s": 5.95, "first_audio": 3},
    ),
    "stalled": (FakeAura({0: (2, deaf)}), {**AGAIN, "stalls": 1, "connected_s": 9.05, "first_audio": 4}),
}


@pytest.mark.parametrize("story", STORIES)
async def test_speech(story: str) -> None:
    service, counted = STORIES[story]
    async with SpeakSession("k", transport=MemoryTransport(late(0.3, cast(Any, service)))) as session:
        await session.speak("Hello.").wait()
        old = session.speak("Old one.")
        await asyncio.sleep(0.25)
        old.interrupt()
        await session.speak("New.").wait()
    stats = session.stats()
    assert numbers(stats) == {**SPOKEN, "audio_bytes": 13_000, **counted}
    assert stats.connect.sum_s == pytest.approx(0.3 * stats.connections)
    if story == "well":
        assert stats.first_audio.sum_s == pytest.approx(0.35)


async def test_speech_that_fails() -> None:
    transport = MemoryTransport(refusing(HandshakeRefused(401)))
    async with SpeakSession("k", transport=transport) as session:
        for _ in range(2):
            with pytest.raises(HandshakeRefused):
                await session.speak("Hello.").wait()
    assert numbers(session.stats()) == {"requests": 2, "refused": 2, "failed": 2}
