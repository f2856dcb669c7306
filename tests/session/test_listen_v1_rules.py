"""``/v1/listen``: what is acknowledged, what is open, and how changes add up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.session.fed_timeline import FedTimeline
from tests.session.scripted_peer import results

from speechwire.errors import InvalidArgument, ServiceError
from speechwire.protocol import ListenV1Options
from speechwire.protocol import listen_v1_events as v1
from speechwire.session._listen_v1_rules import ListenV1Rules
from speechwire.session._rules import ByteRate

RATE = 16000
OPTIONS = ListenV1Options(encoding="linear16", sample_rate=RATE)
FLAGS = {"is_final": True, "speech_final": True}
FORCED = {"is_final": True, "from_finalize": True}


class Story:
    """One connection that was sent a minute of audio, and another after it."""

    def __init__(self, options: ListenV1Options = OPTIONS) -> None:
        self.rules = ListenV1Rules(options)
        self.options = options
        self.connect()

    def connect(self, begins_s: float = 0.0) -> None:
        self.rules.begin(self.options)
        self.rules.protocol.send_audio(bytes(2 * RATE * 60))
        self.clock = FedTimeline(RATE)
        self.clock.send(round(begins_s * RATE), 60 * RATE)

    def tell(self, message: dict[str, Any]) -> list[v1.Event]:
        (event,) = self.rules.protocol.receive(json.dumps(message))
        return self.rules.deliver(event, self.clock)


@pytest.mark.parametrize(
    ("options", "patience", "rate", "resumable"),
    [
        (ListenV1Options(encoding=None, sample_rate=None), 5.0, ByteRate(1, 0), False),
        (OPTIONS, 5.0, ByteRate(2, 32000), True),
        (
            ListenV1Options(encoding="mulaw", sample_rate=8000, channels=2),
            5.0,
            ByteRate(2, 16000, 0xFF),
            True,
        ),
        (
            ListenV1Options(encoding="alaw", sample_rate=8000, interim_results=True),
            1.0,
            ByteRate(1, 8000, 0xD5),
            True,
        ),
        (ListenV1Options(encoding="opus", sample_rate=48000), 5.0, ByteRate(1, 0), True),
    ],
)
def test_what_options_mean(
    options: ListenV1Options, patience: float, rate: ByteRate, resumable: bool
) -> None:
    rules = ListenV1Rules(options)
    assert (rules.patience(options), rules.byte_rate(options), rules.resumable(options)) == (
        *(patience, rate, resumable),
    )
    assert rules.longest_turn_end_s(options) == 0.0


@pytest.mark.parametrize(
    ("messages", "acknowledged"),
    [
        ([], (0.0, 0.0)),
        ([results(3.0, ("a", 1.0, 2.0), **FLAGS)], (3.0, 0.0)),
        ([results(3.0, ("a", 1.0, 2.0), **FORCED)], (3.0, 1.0)),  # a word may have been cut
        ([results(3.0, ("a", 1.0, 2.0), **FORCED), results(3.005, ("a", 1.0, 2.0), **FLAGS)], (3.005, 1.0)),
        (
            [results(3.0, ("a", 1.0, 2.0), **FORCED), results(4.0, ("b", 3.0, 4.0), start=3.0, **FLAGS)],
            (4.0, 0.0),
        ),
        ([results(3.0)], (1.0, 0.0)),  # silence: a word may have begun at its end
        ([results(1.5)], (0.0, 0.0)),
        ([results(3.0, ("a", 1.0, 2.0))], (0.0, 0.0)),
        ([results(3.0), results(2.5, **FLAGS)], (2.5, 0.0)),
        ([results(6.0), results(3.0, **FORCED)], (4.0, 0.0)),
        ([results(6.0, channel_index=[0, 2])], (0.0, 0.0)),
        ([results(6.0), results(5.0)], (4.0, 0.0)),
    ],
)
def test_what_needs_no_replay(messages: list[dict[str, Any]], acknowledged: tuple[float, float]) -> None:
    story = Story()
    for message in messages:
        story.tell(message)
    assert story.rules.acknowledged() == acknowledged
    story.connect()
    assert story.rules.acknowledged() == (0.0, 0.0), "it counts from the beginning of each connection"


@pytest.mark.parametrize(
    ("messages", "is_open"),
    [
        ([results(2.0, ("a", 1.0, 2.0))], True),
        ([results(2.0)], False),
        ([results(2.0, ("a", 1.0, 2.0)), results(3.0)], False),
        ([results(2.0, ("a", 1.0, 2.0)), results(2.0, ("a", 1.0, 2.0), **FLAGS)], False),
        ([results(2.0, ("a", 1.0, 2.0)), results(1.91, ("a", 1.0, 1.9), **FLAGS)], False),
        ([results(2.0, ("a", 1.0, 2.0)), results(1.8, ("a", 1.0, 1.8), **FLAGS)], True),
    ],
)
def test_whether_words_are_without_a_final(messages: list[dict[str, Any]], is_open: bool) -> None:
    story = Story()
    assert not story.rules.open_text
    for message in messages:
        story.tell(message)
    assert story.rules.open_text is is_open


def test_a_fork_goes_its_own_way() -> None:
    story = Story()
    story.tell(results(2.0, ("a", 1.0, 2.0)))
    fork = story.rules.fork()
    fork.begin(OPTIONS)
    fork.protocol.send_audio(bytes(2 * RATE * 60))
    (final,) = fork.protocol.receive(json.dumps(results(2.0, ("a", 1.0, 2.0), **FLAGS)))
    assert fork.deliver(final, story.clock) == [final]
    assert (fork.open_text, story.rules.open_text) == (False, True)
    assert story.tell(results(2.0, ("a", 1.0, 2.0), **FLAGS)) != []


def test_an_interim_result_of_a_replay_comes_only_when_it_is_further() -> None:
    story = Story()
    story.tell(results(3.0, ("a", 1.0, 2.0)))
    story.connect()
    assert story.rules.reported_s == 3.0
    assert story.tell(results(3.0, ("a", 1.0, 2.0))) == []
    assert len(story.tell(results(3.5, ("a", 1.0, 2.0)))) == 1
    assert story.rules.reported_s == 3.5


def test_a_repeated_final_without_words_comes_only_for_its_flags() -> None:
    story = Story()
    story.tell(results(3.0, ("a", 1.0, 2.0), is_final=True))
    story.connect()
    assert story.tell(results(3.0, is_final=True)) == []
    (told,) = story.tell(results(3.0, **FLAGS))
    assert isinstance(told, v1.Results)
    assert (told.start, told.end, told.transcript) == (0.0, 3.0, "")
    story.connect()
    assert story.tell(results(3.0, **FLAGS)) == []
    assert story.tell(results(3.0, **FORCED)) == []


def test_a_final_across_the_seam_keeps_its_entities_in_place() -> None:
    story = Story()
    story.tell(results(2.0, ("a", 0.0, 1.0), ("b", 1.0, 2.0), is_final=True))
    story.connect(begins_s=1.0)
    words = (("b", 0.0, 1.0), ("c", 1.0, 2.0), ("d", 2.0, 3.0))
    entities = [
        {"label": name, "value": name, "start_word": first, "end_word": first + 1}
        for first, name in enumerate(["old", "new"])
    ]
    (told,) = story.tell(results(3.0, *words, is_final=True, entities=entities))
    assert isinstance(told, v1.Results)
    assert (told.start, told.end, told.transcript) == (2.0, 4.0, "c d")
    assert [(word.word, word.start, word.end) for word in told.channel.alternatives[0].words] == [
        *(("c", 2.0, 3.0), ("d", 3.0, 4.0))
    ]
    assert [(each.label, each.start_word, each.end_word) for each in told.entities] == [("new", 0, 1)]


def test_the_end_of_an_utterance_may_repeat_within_one_connection() -> None:
    story = Story()
    ended = {"type": "UtteranceEnd", "last_word_end": 2.0, "channel": [0, 1]}
    assert [len(story.tell(ended)), len(story.tell(ended))] == [1, 1]
    story.tell(results(3.0, ("a", 1.0, 2.0), **FLAGS))
    story.connect()
    assert story.tell(ended) == []
    assert story.tell({**ended, "last_word_end": 2.02}) != []


def test_frames() -> None:
    rules = ListenV1Rules(OPTIONS)
    frames = [*rules.flush(), rules.keep_alive(), rules.configure({"keyterms": ["Oslo"]}), *rules.finish()]
    assert [json.loads(frame) for frame in frames] == [
        {"type": "Finalize"},
        {"type": "KeepAlive"},
        {"type": "Configure", "keyterms": ["Oslo"]},
        {"type": "CloseStream"},
    ]


def test_changes_add_up() -> None:
    rules = ListenV1Rules(OPTIONS)
    first = {"keyterms": ["Rome"], "features": {"numerals": True, "punctuate": True}}
    assert rules.merged(first, {"features": {"numerals": False}}) == {
        "keyterms": ["Rome"],
        "features": {"numerals": False, "punctuate": True},
    }
    assert rules.merged({"keyterms": ["Rome"]}, {"keyterms": ["Oslo"]}) == {"keyterms": ["Oslo"]}
    applied = rules.apply(OPTIONS, {**first, "features": {"numerals": True, "of the future": True}})
    assert (applied.keyterm, applied.numerals, applied.encoding) == (("Rome",), True, "linear16")
    assert rules.apply(OPTIONS, {"features": {"numerals": True}}).keyterm == OPTIONS.keyterm
    assert rules.checked(OPTIONS, {"keyterms": None, "features": {"numerals": True}}) == {
        "features": {"numerals": True}
    }
    with pytest.raises(InvalidArgument):
        rules.checked(OPTIONS, {})


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (v1.ConfigureSuccess(), True),
        (v1.ConfigureFailure(code="NO", description="Not today.", request_id="r"), ("NO", "Not today.")),
        (v1.Error(code="BAD", variant="V", description="What?"), ("BAD", "What?")),
        (v1.Error(variant="V", description="What?"), ("V", "What?")),
        (v1.Metadata(), False),
    ],
)
def test_answers_to_a_change(event: v1.Event, outcome: object) -> None:
    told = ListenV1Rules(OPTIONS).outcome(event)
    assert ((told.code, told.description) if isinstance(told, ServiceError) else told) == outcome
    if isinstance(event, v1.ConfigureFailure):
        assert str(told) == "the service reported an error: NO Not today. [request r]"


def test_what_the_service_counts_and_what_a_later_event_replaces() -> None:
    rules = ListenV1Rules(OPTIONS)
    interim = v1.Results(channel=v1.Channel())
    final = v1.Results(channel=v1.Channel(), is_final=True)
    metadata = v1.Metadata(duration=7.5)
    assert [rules.billed_s(event) for event in (metadata, interim)] == [7.5, 0.0]
    assert [rules.is_interim(event) for event in (interim, final, metadata)] == [True, False, False]
