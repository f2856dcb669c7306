"""Junk in a message costs the part it stands in: the text is kept, and no number is more than it can be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.protocol.lenient_results import results

from speechwire.protocol import (
    Endpoint,
    ListenV1,
    ListenV2,
    MalformedMessage,
)
from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2

Documented = dict[str, dict[str, dict[str, Any]]]
Make = Callable[[str], Endpoint[Any]]

MINUTE_S = 60.0
TOLERANCE_S = 0.1

many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.sampled_from(["ListenV1", "ListenV2", "SpeakV1", "SpeakV2"])
odd_numbers = st.sampled_from(
    [1e308, -1e308, 1e9, 61.0, 2**70, -1, -0.5, 10**400, float("inf"), float("-inf"), float("nan")]
)
odd_strings = st.sampled_from(
    ["inf", "-Infinity", "nan", "1e308", "1e999", "12.5", " 7 ", "1_0", "0x10", "", "true"]
)
values = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_strings | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@many
@given(name=names, data=st.data())
def test_whatever_json_comes(name: str, data: st.DataObject, heard: Make, documented: Documented) -> None:
    """Numbers everywhere are finite, times within what was sent, and a text that is one is there."""
    protocol = heard(name)
    for _ in range(data.draw(st.integers(1, 3))):
        message = documented[name][data.draw(st.sampled_from(sorted(documented[name])))]
        for _ in range(data.draw(st.integers(1, 4))):
            message = mutated(message, data) if message else message
        message = {**message, "type": data.draw(st.just(message.get("type")) | st.text(max_size=3))}
        events = protocol.receive(json.dumps(message))
        assert events
        check_numbers(events)
        check_text(message, events)
    if isinstance(protocol, ListenV1 | ListenV2):
        assert 0 <= protocol.final_s <= protocol.progress_s <= MINUTE_S


def mutated(value: Any, data: st.DataObject) -> Any:
    """A copy with one member replaced, dropped or added, at any depth."""
    if isinstance(value, list) and value:
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutated(value[at], data), *value[at + 1 :]]
    if not isinstance(value, dict) or not value:
        return data.draw(values)
    key = data.draw(st.sampled_from(sorted(value)))
    match data.draw(st.sampled_from(["inside", "inside", "replace", "drop", "add"])):
        case "inside":
            return {**value, key: mutated(value[key], data)}
        case "replace":
            return {**value, key: data.draw(values)}
        case "drop":
            return {name: item for name, item in value.items() if name != key}
    return {**value, data.draw(st.text(max_size=5)): data.draw(values)}


def check_numbers(value: Any, path: str = "") -> None:
    for name, number in numbers_in(value, path):
        assert math.isfinite(number), name
        field = name.rpartition(".")[2]
        if field in TIMES:
            assert 0 <= number <= MINUTE_S + TOLERANCE_S, name
        elif field == "last_word_end":
            assert number == -1 or 0 <= number <= MINUTE_S + TOLERANCE_S, name
        elif field.endswith(("_ms", "_count", "confidence", "_index")) and "Configure" not in name:
            assert number >= 0, name


TIMES = frozenset({"start", "end", "duration", "timestamp", "audio_window_start", "audio_window_end"})


def numbers_in(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from numbers_in(getattr(value, field), f"{path}.{type(value).__name__}.{field}")
        if isinstance(value, v1.Results):
            yield f"{path}.end", value.end
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from numbers_in(item, path)
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item, path)


def check_text(message: dict[str, Any], events: list[Any]) -> None:
    said = text_of(message)
    if said is not None:
        kept = [event.transcript for event in events if isinstance(event, v1.Results | v2.TurnInfo)]
        assert kept == [said]


def text_of(message: dict[str, Any]) -> str | None:
    """The transcript in a message as it came, if there is one where it belongs."""
    try:
        if message["type"] == "TurnInfo":
            text = message["transcript"]
        elif message["type"] == "Results":
            text = message["channel"]["alternatives"][0]["transcript"]
            if not all(
                isinstance(each.get("transcript"), str) for each in message["channel"]["alternatives"]
            ):
                return None
        else:
            return None
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
    return text if isinstance(text, str) else None


def with_word(word: Any) -> dict[str, Any]:
    message = results()
    message["channel"]["alternatives"][0]["words"][0] = word
    return message


@pytest.mark.parametrize("duration", [None, 0.0, "?"])
def test_without_a_duration_results_last_to_the_end_of_their_last_word(duration: Any, heard: Make) -> None:
    protocol: Any = heard("ListenV1")
    event = protocol.receive(json.dumps(results(duration=duration, is_final=True)))[0]
    assert (event.start, event.duration, event.end) == (1.0, 1.0, 2.0)
    assert (protocol.final_s, protocol.progress_s) == (2.0, 2.0)


@pytest.mark.parametrize(
    "word",
    [
        {"word": "two", "end": 1.5},
        {"word": "two", "start": None, "end": 1.5},
        {"word": "two", "start": "nan", "end": 1.5},
        {"word": "two", "start": 1e308, "end": 1.5},
        {"word": "two", "start": True, "end": 1.5},
        {"word": None, "start": 1.0, "end": 1.5},
        {"start": 1.0, "end": 1.5},
        "two",
        None,
        7,
    ],
)
def test_a_bad_word_costs_that_word(word: Any, heard: Make) -> None:
    event, junk = heard("ListenV1").receive(json.dumps(with_word(word)))
    assert event.transcript == "two tickets"
    assert [word.word for word in event.channel.alternatives[0].words] == ["tickets"]
    assert (event.start, event.duration) == (1.0, 1.0)
    assert isinstance(junk, MalformedMessage)
    assert junk.reason == "left out of it: Word" or junk.reason.startswith("left out of it: Word")


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("confidence", "0.5", 0.5),
        ("confidence", None, 0.0),
        ("confidence", "nan", 0.0),
        ("confidence", 1e308, 0.0),
        ("start", "1.25", 1.25),
        ("start", -0.01, 0.0),
        ("end", 61, MINUTE_S),
        ("end", 60.05, 60.0),
        ("speaker", "1", 1),
        ("speaker", 1.0, 1),
        ("speaker", -1, None),
        ("speaker", 1.5, None),
        ("speaker", "x", None),
        ("punctuated_word", 7, None),
        ("language", None, None),
    ],
)
def test_a_field_of_a_word(field: str, value: Any, kept: Any, heard: Make) -> None:
    word = {"word": "two", "start": 1.0, "end": 1.5, field: value}
    event = heard("ListenV1").receive(json.dumps(with_word(word)))[0]
    assert [word.word for word in event.channel.alternatives[0].words] == ["two", "tickets"]
    assert getattr(event.channel.alternatives[0].words[0], field) == kept


def test_entities_that_are_none_cost_those(heard: Make) -> None:
    good = {"label": "NAME", "value": "Oslo", "start_word": 0, "end_word": 1}
    for bad in ({**good, "value": None}, {"label": "NAME"}, "NAME", None):
        event, junk = heard("ListenV1").receive(json.dumps(results(is_final=True, entities=[bad, good])))
        assert event.entities == (v1.Entity(label="NAME", value="Oslo", start_word=0, end_word=1),)
        assert event.transcript == "two tickets"
        assert junk.reason.startswith("left out of it: Entity")


def test_what_is_null_is_not_reported(heard: Make) -> None:
    (event,) = heard("ListenV1").receive(json.dumps(results(entities=None, metadata=None, speech_final=None)))
    assert event.transcript == "two tickets"


@pytest.mark.parametrize("alternatives", [[None], [{"confidence": 1}], [{"transcript": None}], [7]])
def test_a_final_without_its_text_covers_nothing(alternatives: list[Any], heard: Make) -> None:
    """It would be lost: the audio is kept, to be sent again if need be."""
    protocol: Any = heard("ListenV1")
    message = results(is_final=True, channel={"alternatives": alternatives})
    (event,) = protocol.receive(json.dumps(message))
    assert isinstance(event, MalformedMessage)
    assert (protocol.final_s, protocol.progress_s) == (0.0, 0.0)


def test_half_a_character_is_replaced(heard: Make) -> None:
    message = json.dumps(results()).replace('"two tickets"', '"two \\ud83d tickets"')
    event = heard("ListenV1").receive(message)[0]
    assert event.transcript == "two \ufffd tickets"
    assert event.transcript.encode()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_numbers_that_other_writers_of_json_write(number: str, heard: Make) -> None:
    message = json.dumps(results(start="?")).replace('"?"', number)
    event, junk = heard("ListenV1").receive(message)
    assert (event.transcript, event.start) == ("two tickets", 0.0)
    assert junk.reason == "left out of it: Results.start"


@pytest.mark.parametrize(("digits", "kept"), [(40, 0.5), (41, 0.0)])
def test_a_number_in_a_string_has_an_end(digits: int, kept: float, heard: Make) -> None:
    (event, *_) = heard("ListenV1").receive(json.dumps(results(start="0.5".ljust(digits, "0"))))
    assert event.start == kept


def test_flags_in_other_words(heard: Make) -> None:
    message = results(is_final="true", speech_final=1, from_finalize="yes")
    event = heard("ListenV1").receive(json.dumps(message))[0]
    assert (event.is_final, event.speech_final, event.from_finalize) == (True, True, False)


@pytest.mark.parametrize("channel_index", [[None, 2], [0.5, 2], ["x", 2], [-1, 2], [300, 301], {}, "0"])
def test_a_channel_that_is_none_is_the_first(channel_index: Any, heard: Make) -> None:
    event = heard("ListenV1").receive(json.dumps(results(channel_index=channel_index)))[0]
    assert (event.channel_index, event.transcript) == ((0, 1), "two tickets")
