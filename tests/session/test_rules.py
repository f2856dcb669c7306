"""What a reconnect repeats, event by event: cases the scripted services do not bring about."""

from __future__ import annotations

from typing import Any

import pytest
from tests.session.fed_timeline import FedTimeline

from speechwire.protocol import ListenV1Options, ListenV2Options
from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2
from speechwire.session._listen_v1_rules import ListenV1Rules
from speechwire.session._listen_v2_rules import ListenV2Rules
from speechwire.session._timeline import Timeline

RATE = 16000


def timeline(begins_s: float) -> Timeline:
    clock = FedTimeline(RATE)
    clock.send(round(begins_s * RATE), 100 * RATE)
    return clock


def turn(event: str, text: str, end_s: float, index: int = 0) -> v2.TurnInfo:
    return v2.TurnInfo(
        event=event, turn_index=index, audio_window_start=0.0, audio_window_end=end_s, transcript=text
    )


class FluxStory:
    """Two connections: the second hears the open turn again from the caller's ``begins_s``."""

    def __init__(self) -> None:
        self.rules = ListenV2Rules(ListenV2Options(), force_end_turn=True)
        self.clock = timeline(0)

    def tell(self, *events: v2.TurnInfo) -> list[tuple[str, str, int]]:
        told = [out for event in events for out in self.rules.deliver(event, self.clock)]
        return [(e.event, e.transcript, e.turn_index) for e in told if isinstance(e, v2.TurnInfo)]

    def reconnect(self, begins_s: float = 0.0) -> None:
        self.rules.begin(self.rules.protocol.options)
        self.clock = timeline(begins_s)


def test_an_eager_end_whose_text_goes_on_is_resumed_first() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "Two", 1.0), turn("EagerEndOfTurn", "Two tickets.", 2.0))
    story.reconnect()
    told = story.tell(
        turn("StartOfTurn", "Two", 1.1),
        turn("Update", "Two tickets", 1.9),
        turn("Update", "Two tickets to Oslo", 2.5),
        turn("EndOfTurn", "Two tickets to Oslo.", 3.0),
    )
    assert told == [("TurnResumed", "Two tickets to Oslo", 0), ("EndOfTurn", "Two tickets to Oslo.", 0)]


def test_an_eager_end_that_is_confirmed_ends_directly() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "Two", 1.0), turn("EagerEndOfTurn", "Two tickets.", 2.0))
    story.reconnect()
    told = story.tell(
        turn("StartOfTurn", "Two", 1.1),
        turn("EagerEndOfTurn", "Two tickets.", 2.1),
        turn("EndOfTurn", "Two tickets.", 2.4),
    )
    assert told == [("EagerEndOfTurn", "Two tickets.", 0), ("EndOfTurn", "Two tickets.", 0)]


def test_a_turn_that_ends_otherwise_than_announced_is_resumed_first() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "Two", 1.0), turn("EagerEndOfTurn", "Two tickets.", 2.0))
    story.reconnect()
    told = story.tell(turn("StartOfTurn", "Too", 1.1), turn("EndOfTurn", "Too tickets.", 2.4))
    assert [event for event, _, _ in told] == ["TurnResumed", "EndOfTurn"]


def test_an_eager_end_that_was_taken_back_is_not_taken_back_again() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "Two", 1.0), turn("EagerEndOfTurn", "Two tickets.", 2.0))
    story.tell(turn("TurnResumed", "Two tickets to", 2.5))
    story.reconnect()
    told = story.tell(turn("StartOfTurn", "Two", 1.1), turn("Update", "Two tickets to Oslo", 3.0))
    assert told == [("Update", "Two tickets to Oslo", 0)]


def test_a_resumption_the_caller_already_knows_of_is_an_update() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "Two", 1.0), turn("Update", "Two tickets", 2.0))
    story.reconnect()
    told = story.tell(turn("TurnResumed", "Two tickets to", 2.5))
    assert told == [("Update", "Two tickets to", 0)]


def test_turn_numbers_go_on_and_times_are_the_callers() -> None:
    story = FluxStory()
    story.tell(turn("StartOfTurn", "a", 1.0), turn("EndOfTurn", "a", 2.0))
    story.tell(turn("StartOfTurn", "b", 3.0, 1), turn("EndOfTurn", "b", 4.0, 1))
    story.reconnect(begins_s=4.0)
    (first,) = story.rules.deliver(turn("StartOfTurn", "c", 1.5), story.clock)
    assert isinstance(first, v2.TurnInfo)
    assert (first.turn_index, first.audio_window_start, first.audio_window_end) == (2, 4.0, 5.5)


def test_within_one_connection_nothing_is_touched() -> None:
    rules, clock = ListenV2Rules(ListenV2Options(), force_end_turn=True), timeline(0)
    events: list[Any] = [
        turn("Update", "", 0.25),
        turn("StartOfTurn", "a", 0.5),
        turn("EagerEndOfTurn", "a", 0.75),
        turn("Update", "a b", 1.0),
        turn("TurnResumed", "a b", 1.25),
        turn("EndOfTurn", "a b c", 1.5),
        turn("Novelty", "x", 1.6),
    ]
    for event in events:
        assert list(rules.deliver(event, clock)) == [event]


def final(channel: int, start_s: float, end_s: float) -> v1.Results:
    quarters = range(round(start_s * 4), round(end_s * 4))
    words = tuple(
        v1.Word(word=str(q), start=q / 4, end=q / 4 + 0.25, punctuated_word=f"{q}.") for q in quarters
    )
    alternative = v1.Alternative(transcript=" ".join(str(q) for q in quarters), words=words)
    return v1.Results(
        channel=v1.Channel(alternatives=(alternative,)),
        start=start_s,
        duration=end_s - start_s,
        channel_index=(channel, 2),
        is_final=True,
    )


@pytest.fixture
def two_channels() -> ListenV1Rules:
    """Channel 0 is final up to 5 s, channel 1 up to 3 s; a replay begins at 3 s."""
    options = ListenV1Options(encoding="linear16", sample_rate=8000, channels=2, multichannel=True)
    rules, clock = ListenV1Rules(options), timeline(0)
    for event in (final(0, 0, 5), final(1, 0, 3)):
        assert rules.deliver(event, clock) == [event]
    rules.begin(options)
    return rules


def test_a_final_of_the_faster_channel_is_not_repeated(two_channels: ListenV1Rules) -> None:
    assert two_channels.deliver(final(0, 0, 1.5), timeline(3)) == []


def test_a_final_across_the_seam_keeps_what_is_new(two_channels: ListenV1Rules) -> None:
    (told,) = two_channels.deliver(final(0, 0, 3), timeline(3))
    assert isinstance(told, v1.Results)
    assert (told.start, told.end) == (5.0, 6.0)
    assert [word.start for word in told.channel.alternatives[0].words] == [5.0, 5.25, 5.5, 5.75]
    assert told.transcript == "8. 9. 10. 11."


def test_the_slower_channel_goes_on_untrimmed(two_channels: ListenV1Rules) -> None:
    (told,) = two_channels.deliver(final(1, 0, 1), timeline(3))
    assert isinstance(told, v1.Results)
    assert (told.start, told.end) == (3.0, 4.0)


def test_marks_of_speech_are_not_repeated(two_channels: ListenV1Rules) -> None:
    clock = timeline(3)
    assert two_channels.deliver(v1.SpeechStarted(timestamp=1.0), clock) == []
    assert two_channels.deliver(v1.SpeechStarted(timestamp=3.0), clock) == [v1.SpeechStarted(timestamp=6.0)]
    ended = v1.UtteranceEnd(last_word_end=-1.0)
    assert two_channels.deliver(ended, clock) == [ended]
    first = two_channels.deliver(v1.UtteranceEnd(last_word_end=3.0), clock)
    assert first == [v1.UtteranceEnd(last_word_end=6.0)]
    two_channels.begin(two_channels.protocol.options)
    assert two_channels.deliver(v1.UtteranceEnd(last_word_end=3.0), clock) == []
