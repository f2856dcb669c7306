"""Times that are wrong, missing or beyond what was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.lenient_results import results

from speechwire.protocol import (
    Endpoint,
    ListenV1,
    ListenV1Options,
    ListenV2,
    ListenV2Options,
)
from speechwire.protocol._numbers import LATEST_S

Make = Callable[[str], Endpoint[Any]]


# Times beyond what was sent


def test_a_result_beyond_what_was_sent_ends_there(heard: Make) -> None:
    protocol: Any = heard("ListenV1")
    message = results(start=59.0, duration=941.0, is_final=True)
    message["channel"]["alternatives"][0]["words"][1].update(start=70.0, end=1000.0)
    (event,) = protocol.receive(json.dumps(message))
    assert (event.start, event.duration, event.end) == (59.0, 1.0, 60.0)
    assert [(word.start, word.end) for word in event.channel.alternatives[0].words] == [
        (1.0, 1.5),
        (60.0, 60.0),
    ]
    assert event.transcript == "two tickets"
    assert (protocol.final_s, protocol.progress_s) == (0.0, 0.0), (
        "its word on what was heard is worth nothing"
    )


def test_a_later_result_counts_after_one_that_claimed_too_much() -> None:
    protocol = ListenV1()
    protocol.send_audio(bytes(2 * 32_000))
    protocol.receive(json.dumps(results(duration=1000.0, is_final=True)))
    assert protocol.final_s == 0.0
    protocol.send_audio(bytes(2 * 32_000))
    protocol.receive(json.dumps(results(start=2.0, duration=1.5, is_final=True)))
    assert protocol.final_s == 3.5


def test_rounding_is_no_claim(heard: Make) -> None:
    """Within a tenth of a second a result still shows what was heard; no time exceeds what was sent."""
    protocol: Any = heard("ListenV1")
    message = results(start=59.0, duration=1.09, is_final=True)
    (event,) = protocol.receive(json.dumps(message))
    assert event.duration == 1.0
    assert (protocol.final_s, protocol.progress_s) == (60.0, 60.0)


def test_more_than_rounding_is_one(heard: Make) -> None:
    protocol: Any = heard("ListenV1")
    (event,) = protocol.receive(json.dumps(results(start=59.0, duration=1.11, is_final=True)))
    assert event.duration == 1.0
    assert (protocol.final_s, protocol.progress_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("message", "field", "value", "kept"),
    [
        ({"type": "SpeechStarted"}, "timestamp", 5.0, 5.0),
        ({"type": "SpeechStarted"}, "timestamp", 0, 0.0),
        ({"type": "SpeechStarted"}, "timestamp", 1000.0, 60.0),
        ({"type": "SpeechStarted"}, "timestamp", None, 2.0),
        ({"type": "SpeechStarted"}, "timestamp", "nan", 2.0),
        ({"type": "SpeechStarted"}, "timestamp", -3, 0.0),
        ({"type": "UtteranceEnd"}, "last_word_end", 5.0, 5.0),
        ({"type": "UtteranceEnd"}, "last_word_end", 0, 0.0),
        ({"type": "UtteranceEnd"}, "last_word_end", 1000.0, 60.0),
        ({"type": "UtteranceEnd"}, "last_word_end", -1, -1.0),
        ({"type": "UtteranceEnd"}, "last_word_end", -0.5, -1.0),
        ({"type": "UtteranceEnd"}, "last_word_end", None, -1.0),
        ({"type": "UtteranceEnd"}, "last_word_end", 1e308, -1.0),
        ({"type": "Metadata"}, "duration", 1000.0, 60.0),
        ({"type": "Metadata"}, "duration", 59.0, 59.0),
        ({"type": "Metadata"}, "duration", 60.1, 60.0),
        ({"type": "SpeechStarted"}, "timestamp", 60.1, 60.0),
        ({"type": "UtteranceEnd"}, "last_word_end", 60.1, 60.0),
    ],
)
def test_the_other_times(message: dict[str, Any], field: str, value: Any, kept: float, heard: Make) -> None:
    protocol = heard("ListenV1")
    protocol.receive(json.dumps(results()))
    event = protocol.receive(json.dumps({**message, field: value}))[0]
    assert getattr(event, field) == kept


def turn(**changes: Any) -> dict[str, Any]:
    window = {"audio_window_start": 1.0, "audio_window_end": 3.0}
    words = [{"word": "Two", "start": 1.0, "end": 1.5}, {"word": "tickets."}]
    return {
        "type": "TurnInfo",
        "event": "Update",
        "turn_index": 0,
        "transcript": "Two tickets.",
        "words": words,
    } | {
        **window,
        **changes,
    }


@pytest.mark.parametrize("missing", ["gone", None, "junk", 1e308, True, []])
@pytest.mark.parametrize(
    ("field", "kept"),
    [("event", "Update"), ("turn_index", 4), ("audio_window_start", 2.0), ("audio_window_end", 5.0)],
)
def test_a_turn_is_completed_from_what_is_known(field: str, kept: Any, missing: Any, heard: Make) -> None:
    protocol = heard("ListenV2")
    protocol.receive(json.dumps(turn(event="EndOfTurn", turn_index=3, audio_window_end=2.0)))
    protocol.receive(json.dumps(turn(turn_index=4, audio_window_start=2.0, audio_window_end=5.0)))
    message = turn(turn_index=4, audio_window_start=2.0, audio_window_end=5.0) | {field: missing}
    if missing == "gone":
        del message[field]
    if field == "event" and missing == "junk":
        kept = "junk"  # an event this version does not know
    event = protocol.receive(json.dumps(message))[0]
    assert (getattr(event, field), event.transcript) == (kept, "Two tickets.")


@pytest.mark.parametrize("missing", [None, "junk", 1e308])
@pytest.mark.parametrize(
    ("transcript", "event", "next_index"), [("Two tickets.", "EndOfTurn", 1), ("", "Update", 0)]
)
def test_an_end_of_turn_without_audio_or_words_ends_nothing(
    transcript: str, event: str, next_index: int, missing: Any, heard: Make
) -> None:
    protocol: Any = heard("ListenV2")
    protocol.receive(json.dumps(turn(event="StartOfTurn")))
    message = turn(event="EndOfTurn", transcript=transcript, audio_window_end=missing)
    received = protocol.receive(json.dumps(message))[0]
    assert (received.event, protocol.turn_index) == (event, next_index)


def test_a_turn_beyond_what_was_sent_ends_there(heard: Make) -> None:
    protocol: Any = heard("ListenV2")
    message = turn(event="EndOfTurn", audio_window_start=70.0, audio_window_end=1e5)
    message["words"][0]["end"] = 80.0
    (event,) = protocol.receive(json.dumps(message))
    assert (event.audio_window_start, event.audio_window_end) == (60.0, 60.0)
    assert [(word.start, word.end) for word in event.words] == [(1.0, 60.0), (None, None)]
    assert (protocol.final_s, protocol.progress_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    "protocol",
    [
        ListenV1(ListenV1Options(encoding="opus")),
        ListenV2(ListenV2Options(encoding="ogg-opus", sample_rate=None)),
    ],
)
def test_of_audio_of_unknown_length_times_are_bounded_all_the_same(protocol: Any) -> None:
    for end_s in (LATEST_S, LATEST_S + 1, 1e308):
        message = results(start=0.0, duration=end_s, is_final=True)
        if isinstance(protocol, ListenV2):
            message = turn(event="EndOfTurn", audio_window_end=end_s)
        event = protocol.receive(json.dumps(message))[0]
        assert event.transcript.lower().startswith("two")
        assert protocol.final_s <= protocol.progress_s <= LATEST_S
    assert protocol.sent_s == 0.0
