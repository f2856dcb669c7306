"""A muted microphone ends what was said; live speech is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.plugin.virtual.driving import Serve, Service, of, service_of, speak, words
from videosdk.agents import STTResponse

from speechwire.session import SessionEnded

Serving = Callable[[Serve], Service]


async def test_a_muted_microphone_brings_one_final_within_about_a_second(
    service: Serving, endpoint: str
) -> None:
    """The framework closes a turn by itself after 2 s, and answers a later final once more."""
    fake = service_of(endpoint, [(1.0, 6.0), (90.0, 91.0)])
    stt, listener = service(fake).listen()
    clock = asyncio.get_running_loop().time
    finals_at: list[float] = []

    async def hear(response: STTResponse) -> None:
        if response.event_type.name == "FINAL":
            finals_at.append(clock())
        await listener.hear(response)

    stt.on_stt_transcript(hear)
    await speak(stt, 3.0)  # in the middle of what is being said
    muted_at = clock()
    assert listener.said[-1][0] == "INTERIM"
    await asyncio.sleep(60.0)
    assert [at - muted_at < 1.3 for at in finals_at] == [True]
    assert listener.said[-1] == ("FINAL", "4 5 6 7 8 9 10 11")
    await speak(stt, 4.0, start_s=88.0)
    await stt.aclose()
    assert words(listener) == [4, 5, 6, 7, 8, 9, 10, 11, 360, 361, 362, 363]
    assert listener.errors == []


async def test_a_pause_in_which_nothing_was_said_brings_nothing(service: Serving, endpoint: str) -> None:
    stt, listener = service(service_of(endpoint, [(1.0, 2.0)])).listen()
    await speak(stt, 4.0)
    said = list(listener.said)
    assert said[-1][0] == "FINAL"
    await asyncio.sleep(60.0)
    assert listener.said == said
    await stt.aclose()


@pytest.mark.parametrize("chunk_ms", [20, 100, 600, 1500])
async def test_no_silence_is_put_into_live_speech_however_long_the_chunks(
    service: Serving, endpoint: str, chunk_ms: int
) -> None:
    fake = service_of(endpoint, [(1.0, 9.0)])
    arguments = {"target_sample_rate": 16_000} if endpoint == "nova" else {}
    stt, listener = service(fake).listen(chunk_ms=chunk_ms, **arguments)
    await speak(stt, 10.0)
    await stt.aclose()
    assert [hearing.silence for hearing in fake.heard] == [0]
    assert fake.counts() == dict.fromkeys(range(10_000), 1)
    assert words(listener) == fake.words
    (ended,) = of(SessionEnded, listener)
    assert (ended.complete, ended.pushed_s, ended.dropped_s) == (True, 10.0, 0.0)
