"""A forced end may cut a word: what is sent again then begins earlier, and nothing is said twice."""

from __future__ import annotations

import asyncio

import pytest
from tests.session.driving import (
    Endpoint,
    check_turns,
    collect,
    finals,
    said,
    speak_into,
)
from tests.session.scripted_peer import Line, Script, Scripted, Word, end_well, results, then_recognise, turn

from speechwire.session._repeats import LastWord

FIRST: Word = ("first", 0.4, 0.8)
SECOND: Word = ("second", 2.6, 3.2)


def forcing(endpoint: str, cut_s: float, *words: Word) -> Script:
    """A connection that gives these words when it is told to end what was said, and dies later."""

    async def script(line: Line) -> None:
        await line.hear(cut_s)
        if endpoint == "flux":
            line.say(**turn("StartOfTurn", cut_s, *words))
        await line.wait_for("ForceEndTurn" if endpoint == "flux" else "Finalize")
        if endpoint == "flux":
            line.say(**turn("EndOfTurn", line.heard_s, *words, trigger="manual"))
        else:
            line.say(**results(line.heard_s, *words, is_final=True, speech_final=True, from_finalize=True))
        await line.hear(cut_s + 0.3)
        line.peer.reset()

    return script


@pytest.mark.parametrize("known", [(), (("cut", 1.8, 2.0),)], ids=["the cut word unknown", "its half known"])
@pytest.mark.parametrize("kind", ["flux", "nova"])
async def test_a_word_cut_by_a_flush_survives_a_drop(kind: str, known: tuple[Word, ...]) -> None:
    early: Word = ("early", 1.2, 1.5)
    service = Scripted(
        forcing(kind, 2.0, FIRST, early, *known), then_recognise(FIRST, early, ("cut", 1.8, 2.2), SECOND)
    )
    session = Endpoint(kind).session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    session.flush()
    await asyncio.sleep(0.1)
    assert (session.covered_s, session.replay_from_s) == pytest.approx((2.0, 1.0), abs=0.001)
    await speak_into(session, 2.0, start_s=2.0)
    await session.aclose()
    assert session.replay_from_s == session.covered_s > 3.0
    got = await events
    assert said(got) == ["first", "early", "cut", "second"]
    assert service.lines[1].spans[0][0] == pytest.approx(1.0, abs=0.001), "a second before the cut"
    assert got[-1].complete
    check_turns(got)


async def test_a_word_cut_by_a_pause_survives_a_drop() -> None:
    service = Scripted(forcing("nova", 2.0, FIRST), then_recognise(FIRST, ("cut", 1.8, 2.2), SECOND))
    session = Endpoint("nova").session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    await asyncio.sleep(1.5)
    await speak_into(session, 2.0, start_s=2.0)
    await session.aclose()
    assert said(await events) == ["first", "cut", "second"]
    assert service.lines[1].spans[0][0] == pytest.approx(1.0, abs=0.001)


async def test_a_run_up_is_kept_within_the_replay_limit() -> None:
    service = Scripted(forcing("nova", 2.0, FIRST), then_recognise(FIRST, SECOND))
    session = Endpoint("nova").session(service, replay_s=0.6)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    session.flush()
    await asyncio.sleep(0.1)
    await speak_into(session, 2.0, start_s=2.0)
    await session.aclose()
    assert said(await events) == ["first", "second"]
    assert service.lines[1].spans[0][0] >= 2.3 - 0.6 - 0.021


async def test_a_turn_heard_again_in_the_run_up_is_not_delivered_again() -> None:
    early: Word = ("early", 1.2, 1.5)

    async def second(line: Line) -> None:
        await line.hear(0.9)
        heard = line.heard_of(early)
        assert heard
        line.say(**turn("StartOfTurn", 0.9, *heard))
        line.say(**turn("EagerEndOfTurn", 0.9, *heard))
        line.say(**turn("EndOfTurn", 0.9, *heard, trigger="model"))
        await line.wait_for("CloseStream")
        heard = line.heard_of(SECOND)
        line.say(**turn("StartOfTurn", line.heard_s, *heard, index=1))
        line.say(**turn("EndOfTurn", line.heard_s, *heard, index=1, trigger="timeout"))
        end_well(line)

    service = Scripted(forcing("flux", 2.0, FIRST, early), second)
    session = Endpoint("flux").session(service)
    events = asyncio.create_task(collect(session))
    await speak_into(session, 2.0)
    session.flush()
    await asyncio.sleep(0.1)
    await speak_into(session, 2.0, start_s=2.0)
    await session.aclose()
    got = await events
    assert [end.transcript for end in finals(got)] == ["first early", "second"]
    check_turns(got)


@pytest.mark.parametrize(
    ("start_s", "end_s", "repeated"),
    [
        (1.0, 2.0, True),
        (1.06, 2.06, True),
        (0.2, 0.9, True),
        (1.2, 2.5, True),
        (1.8, 2.0, True),
        (1.9, 2.8, False),
        (2.0, 2.3, False),
        (3.0, 3.5, False),
    ],
)
def test_a_word_is_known_by_its_time(start_s: float, end_s: float, repeated: bool) -> None:
    """Times differ a little from one connection to the next; the next word may begin within the last."""
    last = LastWord()
    assert not last.repeats(start_s, end_s)
    last.deliver(0.2, 0.9)
    last.deliver(1.0, 2.0)
    assert last.repeats(start_s, end_s) == repeated
