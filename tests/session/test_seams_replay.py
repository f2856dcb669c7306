"""What is sent again after a lost connection, and what is not; scripted peers, virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.counted import RATE
from tests.session.driving import (
    KEY,
    Endpoint,
    collect,
    converse,
    finals,
    of,
    said,
    speak_into,
    words_of,
)
from tests.session.fake_service import reset
from tests.session.scripted_peer import Line, Scripted, Word, results, then_recognise, turn

from speechwire.protocol import ListenV1Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.session import AudioDropped, ListenSettings, ListenV1Session
from speechwire.transport import MemoryTransport

FIRST: Word = ("first", 0.4, 0.8)
SECOND: Word = ("second", 2.6, 3.2)


ENDINGS: dict[str, list[dict[str, Any]]] = {
    "update at the end": [
        turn("StartOfTurn", 0.96, FIRST),
        turn("Update", 1.92, FIRST),
        turn("EndOfTurn", 1.92, FIRST, trigger="model"),
    ],
    "eager end in the same step": [
        turn("StartOfTurn", 0.96, FIRST),
        turn("EagerEndOfTurn", 1.92, FIRST),
        turn("EndOfTurn", 1.92, FIRST, trigger="model"),
    ],
    "forced": [
        turn("StartOfTurn", 0.96, FIRST),
        turn("Update", 1.92, FIRST),
        turn("EndOfTurn", 1.92, FIRST, trigger="manual"),
    ],
    "start and end in one step": [
        turn("StartOfTurn", 1.92, FIRST),
        turn("EndOfTurn", 1.92, FIRST, trigger="timeout"),
    ],
    "an end short of the last update": [
        turn("StartOfTurn", 0.96, FIRST),
        turn("Update", 1.92, FIRST),
        turn("EndOfTurn", 1.84, FIRST, trigger="model"),
    ],
    "updates of the next turn at the same place": [
        turn("StartOfTurn", 0.96, FIRST),
        turn("EndOfTurn", 1.92, FIRST, trigger="model"),
        turn("Update", 1.92, index=1, start=1.92),
    ],
    "a lone end": [turn("EndOfTurn", 1.92, FIRST, trigger="model")],
}


@pytest.mark.parametrize("messages", ENDINGS.values(), ids=ENDINGS.keys())
async def test_a_turn_that_ended_is_delivered_once(messages: list[dict[str, Any]]) -> None:
    async def first(line: Line) -> None:
        await line.hear(1.92)
        for message in messages:
            line.say(**message)
        await line.hear(2.2)
        line.peer.reset()

    service = Scripted(first, then_recognise(FIRST, SECOND))
    events = await converse(Endpoint("flux").session(service), 4.0)
    assert said(events) == ["first", "second"]
    assert [end.turn_index for end in finals(events)] == [0, 1]
    end_s = max(message["audio_window_end"] for message in messages if message["event"] == "EndOfTurn")
    run_up_s = 1.0 if messages[-1].get("trigger") == "manual" else 0.0
    assert service.lines[1].spans[0][0] == pytest.approx(end_s - run_up_s, abs=0.001)
    assert events[-1].complete


@pytest.mark.parametrize("end_s", [1.9, 1.95, 2.0, 2.0000002])
@pytest.mark.parametrize("flags", [{"speech_final": True}, {"speech_final": False}])
async def test_nothing_before_a_final_is_sent_again(end_s: float, flags: dict[str, bool]) -> None:
    """Where the interim result before it ended makes no difference."""

    async def first(line: Line) -> None:
        await line.hear(2.1)
        line.say(**results(1.0, FIRST))
        line.say(**results(2.0, FIRST))
        line.say(**results(end_s, FIRST, is_final=True, **flags))
        await line.hear(2.3)
        line.peer.reset()

    service = Scripted(first, then_recognise(FIRST, SECOND))
    session = Endpoint("nova").session(service)
    events = await converse(session, 4.0)
    assert said(events) == ["first", "second"]
    assert service.lines[1].spans[0][0] == pytest.approx(end_s, abs=0.001)
    assert events[-1].complete
    assert events[-1].replayed_s == pytest.approx(2.3 - end_s, abs=0.05)


async def test_a_final_of_the_last_channel_lets_go_of_the_audio() -> None:
    async def first(line: Line) -> None:
        await line.hear(2.1)
        for channel in (0, 1):
            line.say(**results(2.0, FIRST, channel_index=[channel, 2]))
        for channel in (0, 1):
            line.say(**results(2.0, FIRST, channel_index=[channel, 2], is_final=True))
        await line.hear(2.3)
        line.peer.reset()

    service = Scripted(first, then_recognise())
    await converse(two_channels(service), 4.0)
    assert service.lines[1].spans[0][0] == pytest.approx(2.0, abs=0.001)


def two_channels(service: Scripted) -> ListenV1Session:
    """Two channels of 8 kHz: as many bytes a second as the counted audio has."""
    options = ListenV1Options(
        encoding="linear16", sample_rate=RATE // 2, channels=2, multichannel=True, interim_results=True
    )
    return ListenV1Session(KEY, options, transport=MemoryTransport(service), settings=ListenSettings())


# Nothing kept


@pytest.mark.parametrize("replay_s", [0.0, 0.00001, 0.015])
async def test_without_a_replay_nothing_is_kept_or_sent_again(endpoint: Endpoint, replay_s: float) -> None:
    service = endpoint.service([(0.0, 3.5), (5.0, 5.5), (8.0, 9.0)], {0: (6.75, reset)})
    session = endpoint.session(service, replay_s=replay_s)
    events = asyncio.create_task(collect(session))
    for start in range(11):
        await speak_into(session, 1.0, start_s=start)
        assert session.buffered_bytes <= max(replay_s * 32000, 2 * 640), "more than what is on its way"
    await session.aclose()
    got = await events
    assert set(service.counts().values()) == {1}
    assert got[-1].replayed_s == 0
    (dropped,) = of(AudioDropped, got)
    assert dropped.reason == "replay limit"
    assert got[-1].dropped_s == dropped.seconds
    assert not got[-1].complete


async def test_of_a_short_replay_only_so_much_is_sent_again(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.0, 3.9)], {0: (3.9, reset)})
    session = endpoint.session(service, replay_s=0.5)
    events = await converse(session, 6.0)
    assert service.heard[1].pieces[0][0] / RATE == pytest.approx(3.4, abs=0.02)
    assert events[-1].replayed_s == pytest.approx(0.5, abs=0.02)
    assert events[-1].dropped_s == pytest.approx(3.4, abs=0.05)


# Entities


def entity(label: str, start_word: int, end_word: int) -> dict[str, Any]:
    return {
        "label": label,
        "value": label,
        "raw_value": label,
        "confidence": 0.9,
        "start_word": start_word,
        "end_word": end_word,
    }


async def test_entities_point_at_the_words_that_are_left() -> None:
    """One channel was final before the drop, the other was not: all is heard again by both."""
    words = [(str(number), 0.25 * number, 0.25 * number + 0.2) for number in range(16)]

    async def first(line: Line) -> None:
        await line.hear(2.1)
        line.say(**results(2.0, *words[:8], channel_index=[1, 2], is_final=True))
        line.say(**results(2.0, *words[:8], channel_index=[0, 2]))
        await line.hear(2.2)
        line.peer.reset()

    async def second(line: Line) -> None:
        await line.wait_for("CloseStream")
        entities = [
            entity("before", 1, 2),
            entity("at", 8, 9),
            entity("across", 6, 9),
            entity("after", 14, 15),
        ]
        for channel in (0, 1):
            line.say(**results(4.0, *words, channel_index=[channel, 2], is_final=True, entities=entities))
        line.say(type="Metadata", request_id="r", duration=4.0, channels=2)
        line.peer.close(1000)

    events = await converse(two_channels(Scripted(first, second)), 4.0)
    *_, left, right = [event for event in of(Results, events) if event.is_final]
    assert [pointed_at(left, each) for each in left.entities] == [
        ("before", ["1", "2"]),
        ("at", ["8", "9"]),
        ("across", ["6", "7", "8", "9"]),
        ("after", ["14", "15"]),
    ]
    assert right.transcript == "8 9 10 11 12 13 14 15"
    assert [pointed_at(right, each) for each in right.entities] == [
        ("at", ["8", "9"]),
        ("after", ["14", "15"]),
    ]


def pointed_at(final: Results, entity: Any) -> tuple[str, list[str]]:
    words = [word.word for word in words_of(final)]
    return entity.label, words[entity.start_word : entity.end_word + 1]
