"""``/v2/listen``: what is acknowledged, which turns are delivered, and how changes add up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.session.fed_timeline import FedTimeline
from tests.session.scripted_peer import turn

from speechwire.errors import InvalidArgument, ServiceError
from speechwire.protocol import ListenV2Options
from speechwire.protocol import listen_v2_events as v2
from speechwire.session._listen_v2_rules import ListenV2Rules
from speechwire.session._rules import ByteRate

RATE = 16000
OPTIONS = ListenV2Options()
Told = tuple[str, int, str]


class Story:
    """One connection that was sent a minute of audio, and another after it."""

    def __init__(self) -> None:
        self.rules = ListenV2Rules(OPTIONS, force_end_turn=True)
        self.connect()

    def connect(self, begins_s: float = 0.0, silence_from_s: float = 60.0) -> None:
        self.rules.begin(OPTIONS)
        self.rules.protocol.send_audio(bytes(2 * RATE * 60))
        self.clock = FedTimeline(RATE)
        begins, heard = round(begins_s * RATE), round(silence_from_s * RATE)
        self.clock.send(begins, heard)
        self.clock.put_in(begins + heard, 60 * RATE - heard)

    def hear(self, message: dict[str, Any]) -> Sequence[v2.Event]:
        (event,) = self.rules.protocol.receive(json.dumps(message))
        return self.rules.deliver(event, self.clock)

    def tell(self, *messages: dict[str, Any]) -> list[Told]:
        heard = [event for message in messages for event in self.hear(message)]
        return [(e.event, e.turn_index, e.transcript) for e in heard if isinstance(e, v2.TurnInfo)]


A, B = ("a", 1.0, 1.5), ("b", 2.0, 2.5)


@pytest.mark.parametrize(
    ("options", "turn_end_s", "rate", "resumable"),
    [
        (ListenV2Options(encoding=None, sample_rate=None), 10.0, ByteRate(1, 0), False),
        (OPTIONS, 10.0, ByteRate(2, 32000), True),
        (
            ListenV2Options(encoding="mulaw", sample_rate=8000, eot_timeout_ms=3000),
            8.0,
            ByteRate(1, 8000, 0xFF),
            True,
        ),
    ],
)
def test_what_options_mean(
    options: ListenV2Options, turn_end_s: float, rate: ByteRate, resumable: bool
) -> None:
    rules = ListenV2Rules(options, force_end_turn=True)
    assert (rules.longest_turn_end_s(options), rules.byte_rate(options), rules.resumable(options)) == (
        *(turn_end_s, rate, resumable),
    )
    assert rules.patience(options) == 1.0


@pytest.mark.parametrize(
    ("messages", "silence_from_s", "acknowledged"),
    [
        ([], 60.0, (0.0, 0.0)),
        ([turn("EndOfTurn", 3.0, A)], 60.0, (3.0, 0.0)),
        ([turn("EndOfTurn", 3.0, A, trigger="manual")], 60.0, (3.0, 1.0)),  # a word may have been cut
        ([turn("EndOfTurn", 3.0, A)], 1.8, (3.0, 0.3)),  # in silence that was put in soon after the word
        ([turn("EndOfTurn", 3.0, ("a", 0.1, 0.2))], 1.8, (3.0, 1.0)),
        ([turn("EndOfTurn", 3.0, A, trigger="manual"), turn("EndOfTurn", 5.0, B, index=1)], 60.0, (5.0, 0.0)),
        ([turn("Update", 5.0)], 60.0, (3.0, 0.0)),  # silence: a word may have begun at its end
        ([turn("Update", 5.0), turn("Update", 4.0)], 60.0, (3.0, 0.0)),
        ([turn("Update", 1.5)], 60.0, (0.0, 0.0)),
        ([turn("Update", 5.0, A)], 60.0, (0.0, 0.0)),
        ([turn("Update", 7.0), turn("StartOfTurn", 7.5, A), turn("EndOfTurn", 3.0, A)], 60.0, (3.0, 0.0)),
    ],
)
def test_what_needs_no_replay(
    messages: list[dict[str, Any]], silence_from_s: float, acknowledged: tuple[float, float]
) -> None:
    story = Story()
    story.connect(silence_from_s=silence_from_s)
    for message in messages:
        story.tell(message)
    assert story.rules.acknowledged() == pytest.approx(acknowledged)
    story.connect()
    assert story.rules.acknowledged() == (0.0, 0.0), "it counts from the beginning of each connection"


def test_words_without_times_tell_nothing_of_a_cut() -> None:
    story = Story()
    message = turn("EndOfTurn", 3.0, A, trigger="manual")
    del message["words"][0]["end"]
    story.tell(message)
    assert story.rules.acknowledged() == (3.0, 0.0)


def test_a_turn_begins_with_its_first_words_and_ends_once() -> None:
    story = Story()
    assert story.tell(turn("StartOfTurn", 0.5)) == [("Update", 0, "")]
    opens = [story.rules.open_text]
    assert story.tell(turn("Update", 1.5, A)) == [("StartOfTurn", 0, "a")]
    opens.append(story.rules.open_text)
    assert story.tell(turn("Update", 2.0, A), turn("EndOfTurn", 2.5, A)) == [
        *(("Update", 0, "a"), ("EndOfTurn", 0, "a"))
    ]
    assert [*opens, story.rules.open_text] == [False, True, False]
    assert story.tell(turn("EndOfTurn", 2.5, A), turn("Update", 2.5, A)) == []
    assert story.tell(turn("EndOfTurn", 4.0, B, index=1)) == [("StartOfTurn", 1, "b"), ("EndOfTurn", 1, "b")]
    assert story.tell(turn("EndOfTurn", 5.0, index=2), turn("Update", 5.5, index=2)) == [("Update", 2, "")]
    assert story.rules.reported_s == 5.5


@pytest.mark.parametrize(("ahead", "is_taken"), [(100, True), (101, False)])
def test_a_number_from_far_ahead_is_no_number(ahead: int, is_taken: bool) -> None:
    story = Story()
    story.tell(turn("EndOfTurn", 2.5, A, index=ahead))
    told = story.tell(turn("EndOfTurn", 4.0, B, index=ahead))
    assert told == ([] if is_taken else [("StartOfTurn", 1, "b"), ("EndOfTurn", 1, "b")])
    later = story.tell(turn("EndOfTurn", 6.0, ("c", 5.0, 5.5), index=1))
    assert later == ([] if is_taken else later)


def test_an_end_without_text_ends_a_turn_that_is_open() -> None:
    story = Story()
    story.tell(turn("StartOfTurn", 1.5, A))
    assert story.tell(turn("EndOfTurn", 2.5)) == [("EndOfTurn", 0, "")]
    assert story.tell(turn("StartOfTurn", 3.0, B, index=1)) == [("StartOfTurn", 1, "b")]
    assert story.tell(turn("EndOfTurn", 2.5, index=1)) == [], "nothing of it is new"


def test_updates_of_a_replay_come_only_when_they_are_further() -> None:
    story = Story()
    story.tell(turn("Update", 0.5), turn("StartOfTurn", 1.5, A))
    story.connect()
    assert story.tell(turn("Update", 0.5), turn("StartOfTurn", 1.5, A)) == []
    assert story.tell(turn("StartOfTurn", 1.6, A)) == [("Update", 0, "a")]
    other = Story()
    other.tell(turn("Update", 0.5))
    other.connect()
    assert other.tell(turn("Update", 0.5), turn("Update", 0.6)) == [("Update", 0, "")]


def test_words_of_turns_that_have_ended_are_left_out_of_a_replay() -> None:
    story = Story()
    story.tell(turn("EndOfTurn", 1.6, A))
    story.connect(begins_s=1.0)
    (told,) = story.hear(turn("StartOfTurn", 1.6, ("a", 0.0, 0.5), ("b", 1.0, 1.5)))
    assert isinstance(told, v2.TurnInfo)
    assert [(word.word, word.start, word.end) for word in told.words] == [("b", 2.0, 2.5)]
    assert (told.transcript, told.turn_index, told.audio_window_start, told.audio_window_end) == (
        *("b", 1, 1.0, 2.6),
    )
    assert story.tell(turn("EndOfTurn", 2.0, ("a", 0.0, 0.5), ("b", 1.0, 1.5))) == [("EndOfTurn", 1, "b")]


@pytest.mark.parametrize("name", ["start", "end"])
def test_words_without_times_count_as_new(name: str) -> None:
    story = Story()
    story.tell(turn("EndOfTurn", 1.6, A))
    story.connect(begins_s=1.0)
    message = turn("Update", 1.6, ("a", 0.0, 0.5))
    del message["words"][0][name]
    assert story.tell(message) == [("StartOfTurn", 1, "a")]


def test_an_event_of_the_future_keeps_the_distance_of_its_turn() -> None:
    story = Story()
    story.tell(turn("EndOfTurn", 1.6, A))
    story.connect()
    assert story.tell(turn("Novelty", 3.0, B)) == [("Novelty", 1, "b")]
    assert story.tell(turn("Novelty", 3.0, B, index=2)) == [("Novelty", 3, "b")]


def test_resuming_a_turn_without_an_eager_end_is_for_the_service_to_say() -> None:
    story = Story()
    story.tell(turn("StartOfTurn", 1.5, A))
    assert story.tell(turn("TurnResumed", 2.0, A)) == [("TurnResumed", 0, "a")]
    story.connect()
    assert story.tell(turn("TurnResumed", 2.5, A)) == [("Update", 0, "a")]
    story.tell(turn("EndOfTurn", 3.0, A), turn("StartOfTurn", 4.0, B, index=1))
    assert story.tell(turn("TurnResumed", 4.5, B, index=1)) == [("TurnResumed", 1, "b")]


def test_an_eager_end_that_a_lost_connection_leaves_open_is_resumed_once() -> None:
    story = Story()
    story.tell(turn("StartOfTurn", 1.5, A), turn("EagerEndOfTurn", 2.0, A))
    story.connect()
    told = story.tell(turn("Update", 2.6, A, B), turn("Update", 2.7, A, B), turn("EndOfTurn", 3.0, A, B))
    assert told == [("TurnResumed", 0, "a b"), ("Update", 0, "a b"), ("EndOfTurn", 0, "a b")]


def test_a_fork_goes_its_own_way() -> None:
    story = Story()
    story.tell(turn("EndOfTurn", 0.5, ("x", 0.1, 0.2)))
    fork = story.rules.fork()
    (end,) = story.rules.protocol.receive(json.dumps(turn("EndOfTurn", 1.6, A, index=1)))
    fork.deliver(end, story.clock)
    story.connect()
    told = story.tell(turn("EndOfTurn", 1.7, ("x", 0.1, 0.2), A))
    assert told == [("StartOfTurn", 1, "a"), ("EndOfTurn", 1, "a")]


@pytest.mark.parametrize("force", [True, False])
def test_the_end_asks_for_that_of_the_turn_where_that_is_possible(force: bool) -> None:
    rules = ListenV2Rules(OPTIONS, force_end_turn=force)
    rules.begin(OPTIONS)
    warning = v2.Warning(code="FORCE_END_TURN_NO_ACTIVE_TURN")
    assert list(rules.deliver(warning, FedTimeline(RATE))) == [warning]
    assert [json.loads(frame)["type"] for frame in rules.flush()] == ["ForceEndTurn"]
    frames = [json.loads(frame)["type"] for frame in rules.finish()]
    assert frames == [*(["ForceEndTurn"] if force else []), "CloseStream"]
    assert rules.closes_text is force
    assert list(rules.deliver(warning, FedTimeline(RATE))) == []
    other = v2.Warning(code="OTHER")
    assert list(rules.deliver(other, FedTimeline(RATE))) == [other]
    rules.begin(OPTIONS)
    assert list(rules.deliver(warning, FedTimeline(RATE))) == [warning]


def test_without_an_open_turn_at_the_service_no_connection_can_end_the_callers() -> None:
    code = "FORCE_END_TURN_NO_ACTIVE_TURN"
    none_open = {"type": "Warning", "request_id": "r", "sequence_id": 9, "code": code}
    story = Story()
    story.tell(turn("Update", 1.6, A))
    story.connect()  # of what was said before the turn's audio was dropped nothing is sent again
    story.rules.finish()

    def closes_after(message: dict[str, Any]) -> bool:
        story.tell(message)
        assert story.rules.open_text
        return story.rules.closes_text

    assert closes_after(turn("Update", 0.5))
    assert not closes_after(none_open)
    assert not closes_after(turn("Update", 2.0))
    assert closes_after(turn("Update", 2.6, B))  # it has begun since
    assert not closes_after(none_open)
    story.connect()
    assert story.rules.closes_text


def test_changes_add_up() -> None:
    rules = ListenV2Rules(OPTIONS, force_end_turn=True)
    first = {"keyterms": ["Rome"], "eot_threshold": 0.8}
    assert rules.merged(first, {"keyterms": ["Oslo"]}) == {"keyterms": ["Oslo"], "eot_threshold": 0.8}
    multilingual = ListenV2Options(model="flux-general-multi")
    applied = rules.apply(multilingual, {**first, "language_hints": ["no"]})
    assert (applied.keyterm, applied.eot_threshold, applied.language_hint) == (("Rome",), 0.8, ("no",))
    assert rules.checked(OPTIONS, {"keyterms": None, "eot_threshold": 0.8}) == {"eot_threshold": 0.8}
    with pytest.raises(InvalidArgument):
        rules.checked(OPTIONS, {})
    assert json.loads(rules.configure({"keyterms": ["Oslo"]})) == {"type": "Configure", "keyterms": ["Oslo"]}
    outcomes = [rules.outcome(event) for event in (v2.ConfigureSuccess(), v2.Warning())]
    assert outcomes == [True, False]
    refused = rules.outcome(v2.ConfigureFailure(code="NO", description="Not today.", request_id="r"))
    assert isinstance(refused, ServiceError)
    assert str(refused) == "the service reported an error: NO Not today. [request r]"


def test_only_updates_give_way_to_later_events() -> None:
    rules = ListenV2Rules(OPTIONS, force_end_turn=True)
    events = [v2.TurnInfo(event=kind, transcript="") for kind in ("Update", "StartOfTurn", "EndOfTurn")]
    assert [rules.is_interim(event) for event in [*events, v2.Warning()]] == [True, False, False, False]
    assert rules.billed_s(events[0]) == 0.0
