"""What only looks like a pause: waiting audio, large pieces, uneven frames, a clock that jumps."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import (
    Endpoint,
    check_turns,
    check_words,
    speak_into,
)
from tests.session.scripted_peer import Chunks, Line, Scripted, Word, turn
from tests.session.watching import Watch
from tests.virtual_time import VirtualTimeLoop

WORD: Word = ("word", 0.4, 0.8)


@pytest.mark.parametrize("window_bytes", [2_000, 8_000])
@pytest.mark.parametrize("blocked_s", [0.8, 2.5])
async def test_no_silence_while_audio_waits(window_bytes: int, blocked_s: float) -> None:
    """The service does not read for a while; the caller goes on, or stops with audio still waiting."""
    for stops_after_s in (0.3, 3.0):

        async def script(line: Line) -> None:
            await line.hear(1.0)
            line.say(**turn("StartOfTurn", 1.0, WORD))
            await asyncio.sleep(blocked_s)
            await line.listen()

        service = Scripted(script)
        session = Endpoint("flux").session(
            service, window_bytes=window_bytes, progress_timeout_s=None, send_timeout_s=30.0
        )
        await speak_into(session, 1.0 + stops_after_s)
        await asyncio.sleep(4.0)
        (line,) = service.lines
        assert line.spans == [(0.0, 1.0 + stops_after_s)]
        assert line.order == ["audio", "silence"], "behind all of the audio"
        await session.aclose()


async def test_words_behind_blocked_sends_survive_a_drop() -> None:
    service = Endpoint("flux").service([(0.5, 3.0)], {0: (2.0, blocked_then_reset)})
    session = Endpoint("flux").session(service, window_bytes=2_000, send_timeout_s=30.0, drain_timeout_s=60)
    watch = Watch(session)
    await speak_into(session, 6.0)
    events = await watch.close()
    check_words(service, events)
    check_turns(events)
    assert events[-1].complete
    assert all(hearing.silence == 0 for hearing in service.heard)


async def blocked_then_reset(peer: Any) -> None:
    await asyncio.sleep(0.8)
    peer.reset()


@pytest.mark.parametrize("kind", ["flux", "nova"])
@pytest.mark.parametrize("chunk_s", [0.02, 0.1, 0.6, 1.0, 1.6])
async def test_live_speech_in_large_chunks_is_no_pause(kind: str, chunk_s: float) -> None:
    service = Endpoint(kind).service([(0.0, 8.0)])
    session = Endpoint(kind).session(service, converter=Chunks(chunk_s))
    watch = Watch(session)
    await speak_into(session, 8.0)
    assert service.heard[0].silence == 0
    assert service.heard[0].texts == []
    check_words(service, await watch.close())


@pytest.mark.parametrize("kind", ["flux", "nova"])
@pytest.mark.parametrize("piece_s", [0.75, 1.0, 1.75])
async def test_large_pushes_are_no_pauses(kind: str, piece_s: float) -> None:
    service = Endpoint(kind).service([(0.0, 4 * piece_s)])
    session = Endpoint(kind).session(service)
    watch = Watch(session)
    size = round(piece_s * RATE)
    for number in range(4):
        session.push(counted(number * size, size))
        await asyncio.sleep(piece_s)
    assert service.heard[0].silence == 0
    assert service.heard[0].texts == []
    check_words(service, await watch.close())


@pytest.mark.parametrize("kind", ["flux", "nova"])
@pytest.mark.parametrize("seed", range(4))
async def test_frames_that_come_unevenly_are_no_pauses(kind: str, seed: int) -> None:
    """Late by up to 0.45 s, then in a bunch."""
    chance = random.Random(seed)
    service = Endpoint(kind).service([(0.0, 10.0)])
    session = Endpoint(kind).session(service)
    watch = Watch(session)
    position_s, frames = 0.0, RATE // 50
    loop = asyncio.get_running_loop()
    began, pushed = loop.time(), 0
    while position_s < 10.0:
        await asyncio.sleep(chance.choice([0.01, 0.02, 0.1, 0.45]))
        position_s = min(10.0, loop.time() - began)
        while pushed + frames <= position_s * RATE:
            session.push(counted(pushed, frames))
            pushed += frames
    assert service.heard[0].silence == 0
    assert service.heard[0].texts == []
    check_words(service, await watch.close())


@pytest.mark.parametrize("jump_s", [10.0, 3600.0, 86400.0])
@pytest.mark.parametrize("times", [1, 3])
async def test_a_jump_of_the_clock_puts_in_little(jump_s: float, times: int) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)

    async def script(line: Line) -> None:
        await line.hear(1.0)
        line.say(**turn("StartOfTurn", 1.0, WORD))
        await line.listen()

    service = Scripted(script)
    session = Endpoint("flux").session(service, progress_timeout_s=None, max_age_s=None)
    await speak_into(session, 1.0)
    for _ in range(times):
        await asyncio.sleep(0.6)
        loop.advance(jump_s)
    await asyncio.sleep(60.0)
    (line,) = service.lines
    assert line.largest_bytes <= 32_000
    assert line.silence_s <= 11.5
    await session.aclose()


@pytest.mark.parametrize("kind", ["flux", "nova"])
async def test_what_is_pushed_right_after_a_flush_comes_behind_it(kind: str) -> None:
    """With part of a chunk left in the converter, and nothing else waiting."""
    service = Scripted(Line.listen)
    session = Endpoint(kind).session(service, converter=Chunks(0.1), progress_timeout_s=None)
    await speak_into(session, 0.45)
    pushed = 4_800 + round(0.15 * RATE)
    session.flush()
    session.push(counted(pushed, 8_000))
    await asyncio.sleep(0.1)
    await session.aclose()
    (line,) = service.lines
    flush = "ForceEndTurn" if kind == "flux" else "Finalize"
    assert line.order[:3] == ["audio", flush, "audio"]
    assert line.spans == [(0.0, (pushed + 8_000) / RATE)]
