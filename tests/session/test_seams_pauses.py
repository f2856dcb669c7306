"""What happens when the caller stops pushing in the middle of speech, and when it only seems to."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import (
    Endpoint,
    check_turns,
    check_words,
    finals,
    speak_into,
    words_of,
)
from tests.session.fake_service import reset
from tests.session.scripted_peer import Chunks, Line, Scripted, Word, finish, results, turn
from tests.session.watching import Watch

from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenSettings, ListenV2Session
from speechwire.transport import MemoryTransport

WORD: Word = ("word", 0.4, 0.8)


# v1: a muted track


@pytest.mark.parametrize("kind", ["nova", "nova finals"])
@pytest.mark.parametrize("speech_s", [0.25, 1.25, 2.0, 3.75])
async def test_speech_that_stops_gets_its_final_soon_and_once(kind: str, speech_s: float) -> None:
    service = Endpoint(kind).service([(0.0, speech_s)])
    session = Endpoint(kind).session(service)
    watch = Watch(session)
    loop = asyncio.get_running_loop()
    await speak_into(session, speech_s)
    stopped_at = loop.time()
    await asyncio.sleep(60)
    (final_at,) = watch.finals_at
    assert final_at - stopped_at <= 1.0
    texts = [text["type"] for text in service.heard[0].texts]
    assert texts.count("Finalize") == 1
    assert set(texts) == {"Finalize", "KeepAlive"}
    check_words(service, await watch.close())


async def test_every_pause_gets_its_final() -> None:
    service = Endpoint("nova").service([(0.0, 9.0)])
    session = Endpoint("nova").session(service)
    watch = Watch(session)
    for start in range(3):
        await speak_into(session, 1.5, start_s=1.5 * start)
        await asyncio.sleep(1.3)
        assert len(watch.finals_at) == start + 1
    events = await watch.close()
    assert [[word.word for word in words_of(final)] for final in finals(events)][:3] == [
        ["0", "1", "2", "3", "4", "5"],
        ["6", "7", "8", "9", "10", "11"],
        ["12", "13", "14", "15", "16", "17"],
    ]


@pytest.mark.parametrize("kind", ["nova", "flux"])
@pytest.mark.parametrize("asks", [False, True])
async def test_a_pause_in_the_middle_of_a_sample_moves_nothing(kind: str, asks: bool) -> None:
    """The other half of the sample comes when the caller goes on; without it all that follows is noise."""
    service = Endpoint(kind).service([(0.0, 3.0)])
    session = Endpoint(kind).session(service)
    audio = counted(0, 3 * RATE)
    for begin, end in ((0, RATE + 1), (RATE + 1, 3 * RATE), (3 * RATE, len(audio))):
        session.push(audio[begin:end])
        if asks:
            session.flush()
        await asyncio.sleep(2)
    await session.aclose()
    (hearing,) = service.heard
    ends = [end for _, end in hearing.pieces]
    assert [begin for begin, _ in hearing.pieces] == [0, *ends[:-1]]
    assert ends[-1] == 3 * RATE


async def test_a_pause_after_a_final_asks_for_nothing() -> None:
    async def script(line: Line) -> None:
        await line.hear(2.0)
        line.say(**results(2.0, WORD, is_final=True, speech_final=True))
        await finish(line)

    service = Scripted(script)
    session = Endpoint("nova").session(service)
    await speak_into(session, 2.0)
    await asyncio.sleep(30)
    await session.aclose()
    assert service.lines[0].count("Finalize") == 0


@pytest.mark.parametrize("kind", ["flux", "nova"])
async def test_without_a_pause_setting_nothing_is_done(kind: str) -> None:
    service = Endpoint(kind).service([(0.0, 2.0)])
    session = Endpoint(kind).session(service, pause_after_s=None)
    watch = Watch(session)
    await speak_into(session, 2.0)
    await asyncio.sleep(30)
    assert watch.finals_at == []
    assert service.heard[0].silence == 0
    assert {text["type"] for text in service.heard[0].texts} <= {"KeepAlive"}
    check_words(service, await watch.close())


@pytest.mark.parametrize("kind", ["flux", "nova", "nova finals"])
@pytest.mark.parametrize("lost_at_s", [-0.3, 0.1, 0.45, 0.52, 0.7])
async def test_a_pause_in_which_the_connection_is_lost_ends_speech_as_well(
    kind: str, lost_at_s: float
) -> None:
    """Shortly before the caller stops, before the pause is known, and while its end is asked for."""
    service = Endpoint(kind).service([(0.0, 2.0)], {0: (2.0 + lost_at_s, reset)} if lost_at_s < 0 else {})
    session = Endpoint(kind).session(service)
    watch = Watch(session)
    await speak_into(session, 2.0)
    if lost_at_s > 0:
        await asyncio.sleep(lost_at_s)
        session._runner._access.transport.peers[0].reset()  # type: ignore[union-attr]
    await asyncio.sleep(5)
    assert len(watch.finals_at) == 1
    events = await watch.close()
    check_words(service, events)
    assert len(service.heard) <= 2


# What has not filled a chunk


@pytest.mark.parametrize("chunk_s", [0.1, 0.6, 1.5])
@pytest.mark.parametrize("speech_s", [0.06, 0.5, 1.0])
async def test_what_has_not_filled_a_chunk_goes_before_the_silence(chunk_s: float, speech_s: float) -> None:
    service = Endpoint("flux").service([(0.0, speech_s)])
    session = Endpoint("flux").session(service, converter=Chunks(chunk_s))
    watch = Watch(session)
    await speak_into(session, speech_s)
    await asyncio.sleep(5.0)
    (hearing,) = service.heard
    assert hearing.pieces[-1][1] == round(speech_s * RATE), "all of the speech has gone"
    assert len(hearing.pieces) == -(-round(speech_s * 1000) // round(chunk_s * 1000))
    assert hearing.silence > 0
    events = await watch.close()
    check_words(service, events)
    assert service.heard[0].pieces[-1][1] == round(speech_s * RATE)


@pytest.mark.parametrize("kind", ["nova", "nova finals"])
async def test_a_short_word_in_a_long_chunk_gets_its_final(kind: str) -> None:
    service = Endpoint(kind).service([(0.0, 0.25)])
    session = Endpoint(kind).session(service, converter=Chunks(1.0))
    watch = Watch(session)
    await speak_into(session, 0.3)
    await asyncio.sleep(2.0)
    assert len(watch.finals_at) == 1
    check_words(service, await watch.close())


async def test_speech_silence_and_speech_come_in_this_order() -> None:
    service = Scripted(Line.listen)
    session = Endpoint("flux").session(service, converter=Chunks(0.1), progress_timeout_s=None)
    await speak_into(session, 1.03)
    await asyncio.sleep(2.0)
    await speak_into(session, 1.0, start_s=1.03)
    await session.aclose()
    (line,) = service.lines
    assert line.order == ["audio", "silence", "audio", "ForceEndTurn", "CloseStream"]
    assert line.spans == [(0.0, 2.03)]


# Flux: silence


OPENINGS: dict[str, tuple[str, ...]] = {
    "update": ("Update",),
    "start": ("StartOfTurn",),
    "eager": ("EagerEndOfTurn",),
    "resumed": ("TurnResumed",),
    "start and eager": ("StartOfTurn", "EagerEndOfTurn"),
    "eager and resumed": ("StartOfTurn", "EagerEndOfTurn", "TurnResumed"),
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
@pytest.mark.parametrize("eot_timeout_ms", [None, 500, 8000])
async def test_a_turn_that_is_open_gets_silence_until_it_ends(
    opening: tuple[str, ...], eot_timeout_ms: int | None
) -> None:
    timeout_s = (eot_timeout_ms or 5000) / 1000

    async def script(line: Line) -> None:
        await line.hear(1.0)
        for event in opening:
            line.say(**turn(event, 1.0, WORD))
        await line.hear(1.0 + timeout_s)
        line.say(**turn("EndOfTurn", 1.0 + timeout_s, WORD, trigger="timeout"))
        await finish(line)

    service = Scripted(script)
    session = ListenV2Session(
        "key",
        ListenV2Options(eot_timeout_ms=eot_timeout_ms),
        transport=MemoryTransport(service),
        settings=ListenSettings(progress_timeout_s=None),
    )
    watch = Watch(session)
    await speak_into(session, 1.0)
    await asyncio.sleep(30.0)
    events = await watch.close()
    kinds = [event.event for event in events if isinstance(event, TurnInfo)]
    assert kinds[0] == "StartOfTurn"
    assert kinds.count("EndOfTurn") == 1
    assert kinds[-1] in ("EndOfTurn", "Update")
    assert timeout_s <= service.lines[0].silence_s <= timeout_s + 1.5
    assert events[-1].pushed_s == 1.0


async def test_a_turn_that_never_ends_gets_no_silence_without_end() -> None:
    async def script(line: Line) -> None:
        await line.hear(1.0)
        line.say(**turn("StartOfTurn", 1.0, WORD))
        await line.listen()

    service = Scripted(script)
    session = Endpoint("flux").session(service, progress_timeout_s=None)
    await speak_into(session, 1.0)
    await asyncio.sleep(600.0)
    assert 5.0 <= service.lines[0].silence_s <= 11.5
    await session.aclose()


async def test_silence_stands_for_the_time_that_passes() -> None:
    """It is put in as the time passes, and belongs to the place where the caller stopped."""
    service = Endpoint("flux").service([(0.0, 1.0), (1.5, 2.5)])
    session = Endpoint("flux").session(service)
    watch = Watch(session)
    await speak_into(session, 1.0)
    await asyncio.sleep(3.0)
    await speak_into(session, 3.0, start_s=1.0)
    events = await watch.close()
    check_words(service, events)
    check_turns(events)
    assert 0.5 <= service.heard[0].silence / RATE <= 3.0
    assert session.stats().silence_bytes == 2 * service.heard[0].silence
    assert events[-1].pushed_s == 4.0
