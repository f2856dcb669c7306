"""What a service must not be able to do to a session by what it sends; scripted peers, virtual time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.session.driving import Endpoint, Listening, finals, of, speak_into, words_of
from tests.session.fake_service import reset
from tests.session.scripted_peer import Line, Scripted, Word, end_well, finish, results, turn
from tests.session.watching import Watch
from tests.virtual_time import VirtualTimeLoop

from speechwire.protocol.listen_v1_events import Results, SpeechStarted, UtteranceEnd
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session._event_queue import EventQueue
from speechwire.transport import MemoryPeer

TURNS = [(1.0, 2.0), (3.5, 5.5), (7.0, 8.0)]
WORD: Word = ("word", 0.4, 0.8)
LATER: Word = ("later", 4.4, 4.8)

NUMBERS: dict[str, str] = {
    "huge": "1e308",
    "infinite": "1e999",
    "minus infinite": "-1e999",
    "inf": '"inf"',
    "infinity": '"Infinity"',
    "nan": '"nan"',
    "negative": "-1e308",
    "digits": "9" * 400,
    "text": '"soon"',
    "true": "true",
    "null": "null",
    "list": "[]",
}

MESSAGES: dict[str, list[str]] = {
    "nova": [
        '{"type":"Results","start":%s,"duration":1,"is_final":false,"channel":{"alternatives":[]}}',
        '{"type":"Results","start":0,"duration":%s,"is_final":true,"channel":{"alternatives":[]}}',
        '{"type":"Results","start":%s,"duration":0,"is_final":true,"from_finalize":true,'
        '"channel":{"alternatives":[{"transcript":"","words":[]}]}}',
        '{"type":"Results","start":0.0,"duration":0.1,"is_final":false,"channel":{"alternatives":'
        '[{"transcript":"","words":[{"word":"x","start":%s,"end":0.1}]}]}}',
        '{"type":"SpeechStarted","timestamp":%s}',
        '{"type":"UtteranceEnd","last_word_end":%s}',
        '{"type":"Metadata","duration":%s,"channels":1}',
    ],
    "flux": [
        '{"type":"TurnInfo","event":"Update","turn_index":0,"audio_window_start":0,"transcript":"",'
        '"words":[],"end_of_turn_confidence":0,"audio_window_end":%s}',
        '{"type":"TurnInfo","event":"Update","turn_index":%s,"audio_window_start":0,"transcript":"",'
        '"words":[],"end_of_turn_confidence":0,"audio_window_end":0.1}',
        '{"type":"TurnInfo","event":"EndOfTurn","turn_index":0,"audio_window_start":%s,"transcript":"",'
        '"words":[],"end_of_turn_confidence":0,"audio_window_end":0.1}',
        '{"type":"Connected","sequence_id":%s}',
        '{"type":"Warning","sequence_id":%s,"code":"X"}',
    ],
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize("kind", ["flux", "nova"])
async def test_numbers_that_are_none_end_nothing(kind: str, number: str) -> None:
    """Not at once, not at a reconnect, and not at the end."""

    def junk(peer: MemoryPeer) -> None:
        for template in MESSAGES[kind]:
            peer.send(template % number)

    async def junk_then_reset(peer: MemoryPeer) -> None:
        junk(peer)
        await asyncio.sleep(0.05)
        peer.reset()

    service = Endpoint(kind).service(TURNS, {0: (0.3, junk_then_reset), 1: (5.0, junk)})
    session = Endpoint(kind).session(service, drain_timeout_s=30.0)
    watch = Watch(session)
    await speak_into(session, 10.0)
    events = await watch.close()
    assert watch.error is None
    assert events[-1].pushed_s == 10.0
    assert len(service.heard) == 2
    for event in events:
        for time_s in times_of(event):
            assert -1.0 <= time_s <= 10.0, "no time lies beyond what was sent"
    said = [word.word for final in finals(events) if final.transcript for word in words_of(final)]
    assert said == [str(word) for word in service.words]


def times_of(event: Any) -> list[float]:
    if isinstance(event, Results):
        words = (
            [time for word in words_of(event) for time in (word.start, word.end)]
            if (event.channel.alternatives)
            else []
        )
        return [event.start, event.end, *words]
    if isinstance(event, TurnInfo):
        return [event.audio_window_start, event.audio_window_end]
    if isinstance(event, SpeechStarted):
        return [event.timestamp]
    return [event.last_word_end] if isinstance(event, UtteranceEnd) else []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["flux", "nova"]),
    field=st.sampled_from(
        ["start", "duration", "channel", "channel_index", "is_final", "words", "event", "turn_index"]
        + ["audio_window_end", "audio_window_start", "transcript", "trigger", "metadata", "entities"]
    ),
    value=json_values,
)
def test_any_value_in_any_field_ends_nothing(kind: str, field: str, value: Any) -> None:
    message = results(0.2, is_final=False) if kind == "nova" else turn("Update", 0.2)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live_through(kind, json.dumps({**message, field: value})))


async def live_through(kind: str, frame: str) -> None:
    service = Endpoint(kind).service([(1.0, 2.0)], {0: (0.5, lambda peer: peer.send(frame))})
    session = Endpoint(kind).session(service)
    watch = Watch(session)
    await speak_into(session, 3.0)
    events = await watch.close()
    assert watch.error is None
    assert len(service.heard) == 1
    assert events[-1].pushed_s == 3.0


# Times beyond what was sent


@pytest.mark.parametrize("claimed_s", [3.0, 1000.0, 500_000.0])
@pytest.mark.parametrize("kind", ["flux", "nova"])
@pytest.mark.parametrize("final", [True, False], ids=["final", "interim"])
async def test_a_claim_about_audio_that_was_not_sent_swallows_nothing(
    kind: str, claimed_s: float, final: bool
) -> None:
    """What comes later on this connection and on the next is delivered, at its own time."""

    def claim() -> dict[str, Any]:
        if kind == "nova":
            return results(claimed_s, WORD, is_final=final, speech_final=final)
        return turn("EndOfTurn" if final else "StartOfTurn", claimed_s, WORD, trigger="model")

    async def first(line: Line) -> None:
        await line.hear(2.0)
        line.say(**claim())
        await line.hear(2.5)
        line.peer.reset()

    async def second(line: Line) -> None:
        await line.wait_for("CloseStream")
        heard = line.heard_of(WORD, LATER)
        if kind == "flux":
            line.say(**turn("StartOfTurn", line.heard_s, *heard))
            line.say(**turn("EndOfTurn", line.heard_s, *heard, trigger="model"))
            end_well(line)
        else:
            end_well(line, *heard)

    service = Scripted(first, second)
    session = Endpoint(kind).session(service, progress_timeout_s=None)
    watch = Watch(session)
    await speak_into(session, 6.0)
    events = await watch.close()
    said = [(word.word, word.start) for end in finals(events) for word in words_of(end)]
    assert said == [("word", pytest.approx(0.4)), ("later", pytest.approx(4.4))]
    assert all(time_s <= 6.0 for event in events for time_s in times_of(event))
    assert service.lines[1].spans[0][0] == 0.0, "who claims too much is not believed about what was heard"
    assert events[-1].complete


async def test_the_end_of_an_utterance_far_away_hides_no_other() -> None:
    async def script(line: Line) -> None:
        await line.hear(1.0)
        line.say(**results(1.0, WORD, is_final=True))
        line.say(type="UtteranceEnd", channel=[0, 1], last_word_end=1000.0)
        await line.hear(2.0)
        if not line.peer.number:
            line.peer.reset()
        line.say(type="UtteranceEnd", channel=[0, 1], last_word_end=1.8)
        await finish(line)

    session = Endpoint("nova").session(Scripted(script))
    watch = Watch(session)
    await speak_into(session, 5.0)
    ends = [event.last_word_end for event in of(UtteranceEnd, await watch.close())]
    assert max(ends) <= 5.0
    assert ends[-1] == pytest.approx(2.8, abs=0.1), "of the second connection"


async def test_a_channel_far_ahead_takes_no_audio_from_the_other() -> None:
    async def first(line: Line) -> None:
        await line.hear(2.0)
        line.say(**results(1000.0, is_final=True, channel_index=[0, 2]))
        line.say(**results(0.5, WORD, is_final=True, channel_index=[1, 2]))
        await line.hear(2.5)
        line.peer.reset()

    service = Scripted(first, finish)
    session = Endpoint("nova").session(service)
    await speak_into(session, 5.0)
    await session.aclose()
    assert service.lines[1].spans[0][0] == 0.0, "the claim of one channel says nothing of both"


async def test_a_first_word_before_the_beginning_is_placed_at_it() -> None:
    async def script(line: Line) -> None:
        await line.hear(1.0)
        line.say(**results(1.0, ("early", -5.0, 0.4), start=-5.0, is_final=True))
        await finish(line)

    session = Endpoint("nova").session(Scripted(reset_first, script))
    watch = Watch(session)
    await speak_into(session, 3.0)
    final = finals(await watch.close())[0]
    assert final.start >= 0.0
    assert words_of(final)[0].start >= 0.0


async def reset_first(line: Line) -> None:
    await line.hear(0.5)
    reset(line.peer)


# A consumer that does not read


@pytest.mark.parametrize("interims", [0, 1])
def test_a_full_queue_costs_no_more_for_each_event(interims: int) -> None:
    looked = 0

    def is_interim(event: int) -> bool:
        nonlocal looked
        looked += 1
        return event < interims

    queue: EventQueue[int] = EventQueue(1_000, is_interim)
    for number in range(50_000):
        queue.put(number)
    assert looked == 50_000
    assert len(queue._cells or ()) <= 2_000


@pytest.mark.parametrize("kind", ["flux", "nova"])
async def test_a_consumer_that_reads_nothing_costs_bounded_memory(kind: str) -> None:
    async def chatter(line: Line) -> None:
        await line.hear(1.0)
        for number in range(20_000):
            line.say(**(turn("Update", 1.0) if kind == "flux" else results(1.0, is_final=number % 2 == 0)))
        await finish(line)

    session: Listening = Endpoint(kind).session(Scripted(chatter), event_limit=100)
    await speak_into(session, 2.0)
    assert session._runner.events._count <= 100
    assert len(session._runner.events._cells or ()) <= 200
    watch = Watch(session)
    events = await watch.close()
    assert len(events) <= 104
