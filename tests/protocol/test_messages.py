"""Bytes to events and back: every documented message, and what departs from it and must be tolerated."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.protocol.documented_events import ENDPOINTS, EVENTS

from speechwire.protocol import (
    Endpoint,
    MalformedMessage,
    UnknownMessage,
    listen_v1_events,
    listen_v2_events,
)

Documented = dict[str, dict[str, dict[str, Any]]]
Make = Callable[[str], Endpoint[Any]]


def test_the_table_is_complete(documented: Documented) -> None:
    assert set(EVENTS) == {(endpoint, name) for endpoint, messages in documented.items() for name in messages}


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_a_documented_message_becomes_its_event(
    endpoint: str, name: str, documented: Documented, heard: Make
) -> None:
    events = heard(endpoint).receive(json.dumps(documented[endpoint][name]))
    assert events[-1] == EVENTS[endpoint, name]


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_an_event_encodes_to_a_message_that_decodes_to_it(endpoint: str, name: str, heard: Make) -> None:
    event = EVENTS[endpoint, name]
    assert heard(endpoint).receive(msgspec.json.encode(event).decode())[-1] == event


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_unknown_fields_at_every_level_change_nothing(
    endpoint: str, name: str, documented: Documented, heard: Make
) -> None:
    message = _in_every_object(documented[endpoint][name], {"added_later": {"deep": [1, None, "x"]}})
    assert heard(endpoint).receive(json.dumps(message))[-1] == EVENTS[endpoint, name]


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_key_order_does_not_matter(endpoint: str, name: str, documented: Documented, heard: Make) -> None:
    message = dict(reversed(documented[endpoint][name].items()))
    assert heard(endpoint).receive(json.dumps(message))[-1] == EVENTS[endpoint, name]


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_null_is_as_good_as_absent(endpoint: str, name: str, documented: Documented, make: Make) -> None:
    message = documented[endpoint][name]
    for field in message.keys() - {"type"}:
        absent = {key: value for key, value in message.items() if key != field}
        without = make(endpoint).receive(json.dumps(absent))[-1]
        with_null = make(endpoint).receive(json.dumps({**message, field: None}))[-1]
        if isinstance(without, MalformedMessage):
            assert isinstance(with_null, MalformedMessage), field
        else:
            assert with_null == without, field


REQUIRED = {
    ("ListenV1", "Results"): {"channel"},
    ("ListenV2", "TurnInfo"): {"transcript"},
    ("SpeakV2", "SpeechStarted"): {"speech_id"},
}


@pytest.mark.parametrize(("endpoint", "name"), EVENTS)
def test_only_what_a_message_means_nothing_without_is_required(
    endpoint: str, name: str, documented: Documented, make: Make
) -> None:
    message = documented[endpoint][name]
    missed = set()
    for field in message.keys() - {"type"}:
        absent = {key: value for key, value in message.items() if key != field}
        if isinstance(make(endpoint).receive(json.dumps(absent))[-1], MalformedMessage):
            missed.add(field)
    assert missed == REQUIRED.get((endpoint, name), set())


def test_whole_numbers_may_come_as_floats(make: Make) -> None:
    assert make("SpeakV1").receive('{"type":"Cleared","sequence_id":1.0}')[0].sequence_id == 1


def test_results_of_a_bare_old_service() -> None:
    results = msgspec.json.decode(
        '{"type":"Results","start":1,"duration":2,"channel":{"alternatives":[]}}',
        type=listen_v1_events.Results,
    )
    assert (results.end, results.transcript, results.is_final, results.from_finalize) == (
        3.0,
        "",
        False,
        False,
    )


def test_an_open_value_is_kept(make: Make) -> None:
    frame = json.dumps(
        {
            "type": "TurnInfo",
            "event": "SpeakerChanged",
            "turn_index": 0,
            "audio_window_start": 0,
            "audio_window_end": 1,
            "transcript": "",
            "trigger": "weather",
            "sequence_id": 0,
        }
    )
    (turn,) = make("ListenV2").receive(frame)
    assert (turn.event, turn.trigger) == ("SpeakerChanged", "weather")


def test_times_can_be_shifted() -> None:
    word = listen_v2_events.Word(word="a", start=1.0, end=1.5)
    assert msgspec.structs.replace(word, start=11.0, end=11.5).start == 11.0


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_unknown_type_is_reported_with_its_text(endpoint: str, make: Make) -> None:
    frame = '{"type":"History","payload":{"a":[1]}}'
    assert make(endpoint).receive(frame) == [UnknownMessage(type="History", payload=frame)]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_unknown_type_is_told_however_long_its_text_is(endpoint: str, make: Make) -> None:
    """Its text is not decoded, so there is nothing to be careful of."""
    frame = json.dumps({"type": "History", "payload": "x" * (1 << 19)})
    assert make(endpoint).receive(frame) == [UnknownMessage(type="History", payload=frame)]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
def test_the_state_of_a_connection_is_not_copied(endpoint: str, again: Any, make: Make) -> None:
    with pytest.raises(TypeError) as refused:
        again(make(endpoint))
    words = "cannot be pickled or copied: it is the state of one connection; make a new one"
    assert str(refused.value) == f"{endpoint} {words}"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("null", "object"),
        ("[]", "object"),
        ("{}", "type"),
        ('{"type":7}', "str"),
        ('{"type":null}', "str"),
        ('{"type":"Error","x":nan}', "malformed"),
        ('{"type":"Error"} trailing', "trailing"),
        ('{"type":"Error","x":' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        (json.dumps({"type": "T" * 100}), "100 characters"),
    ],
)
def test_what_is_no_message_is_reported(endpoint: str, frame: str, reason: str, make: Make) -> None:
    (event,) = make(endpoint).receive(frame)
    assert isinstance(event, MalformedMessage)
    assert reason in event.reason.lower() or reason in event.reason
    assert len(event.reason) <= 200
    assert len(event.preview) <= 200


@pytest.mark.parametrize("endpoint", ["ListenV1", "ListenV2"])
def test_binary_where_text_belongs_is_reported(endpoint: str, make: Make) -> None:
    (event,) = make(endpoint).receive(b'{"type":"Results"}' * 100)
    assert isinstance(event, MalformedMessage)
    assert event.reason == "a binary frame on an endpoint that answers in text"
    assert event.preview == (b'{"type":"Results"}' * 100).hex()[:200]


@pytest.mark.parametrize("endpoint", ["SpeakV1", "SpeakV2"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_audio_is_bytes_of_its_own(endpoint: str, kind: Any, make: Make) -> None:
    """Whatever a transport reads into: it may be read into again."""
    received = bytearray(b"audio")
    (event,) = make(endpoint).receive(kind(received))
    received[:] = b"other"
    assert (event.data, type(event.data)) == (b"audio", bytes)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_huge_message_is_cut_in_what_is_reported(endpoint: str, make: Make) -> None:
    noise = '{"type":"Error","description":' + ",".join(["[" + "1," * 50 + "1]"] * 100_000)
    assert len(noise) > 10_000_000
    for frame in (noise, '{"type":"Error","description":[' + noise[30:] + "]}"):
        (event,) = make(endpoint).receive(frame)
        assert isinstance(event, MalformedMessage)
        assert len(event.reason) + len(event.preview) <= 400


def test_control_characters_cannot_forge_a_line_of_a_log(make: Make) -> None:
    (event,) = make("ListenV1").receive("\r\nERROR forged\x1b[0m")
    assert event.preview == "\\r\\nERROR forged\\x1b[0m"


def _in_every_object(value: Any, addition: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        # The values of model_info are keyed by uuid: an addition there would be another model.
        inner = {
            key: item if key == "model_info" else _in_every_object(item, addition)
            for key, item in value.items()
        }
        return {**inner, **addition}
    return [_in_every_object(item, addition) for item in value] if isinstance(value, list) else value
