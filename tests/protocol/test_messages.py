"""Bytes to events and back: every documented message, and what departs from it and must be tolerated."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from speechwire.protocol import (
    Endpoint,
    MalformedMessage,
    UnknownMessage,
    listen_v1_events,
    listen_v2_events,
    speak_v1_events,
    speak_v2_events,
)

Documented = dict[str, dict[str, dict[str, Any]]]
Make = Callable[[str], Endpoint[Any]]

ENDPOINTS = ["ListenV1", "ListenV2", "SpeakV1", "SpeakV2"]

NOVA_3 = listen_v1_events.ModelInfo(name="general-nova-3", version="2025-04-17.21547", arch="nova-3")
V1_REQUEST = "5f0c1f0e-2c1e-4d53-9f6b-0a8b6a8f5b11"
V2_REQUEST = "7a7b6c5d-1111-4a2b-9c3d-0123456789ab"
MODEL_UUID = "40bd3654-e622-47c4-a111-63a61b23bfe8"

EVENTS: dict[tuple[str, str], Any] = {
    ("ListenV1", "Results"): listen_v1_events.Results(
        channel_index=(0, 1),
        duration=1.02,
        start=2.04,
        is_final=True,
        speech_final=True,
        channel=listen_v1_events.Channel(
            alternatives=(
                listen_v1_events.Alternative(
                    transcript="Two tickets to Oslo, please.",
                    confidence=0.9912,
                    words=(
                        listen_v1_events.Word(
                            word="two", start=2.11, end=2.35, confidence=0.9981, punctuated_word="Two"
                        ),
                        listen_v1_events.Word(
                            word="tickets", start=2.35, end=2.62, confidence=0.9977, punctuated_word="tickets"
                        ),
                    ),
                ),
            )
        ),
        metadata=listen_v1_events.ResultsMetadata(
            request_id=V1_REQUEST, model_info=NOVA_3, model_uuid=MODEL_UUID
        ),
    ),
    ("ListenV1", "SpeechStarted"): listen_v1_events.SpeechStarted(channel=(0, 1), timestamp=2.1),
    ("ListenV1", "UtteranceEnd"): listen_v1_events.UtteranceEnd(channel=(0, 1), last_word_end=3.06),
    ("ListenV1", "Metadata"): listen_v1_events.Metadata(
        transaction_key="deprecated",
        request_id=V1_REQUEST,
        sha256="0f1d2c3b",
        created="2026-11-20T10:11:12.131Z",
        duration=12.48,
        channels=1,
        models=(MODEL_UUID,),
        model_info={MODEL_UUID: NOVA_3},
    ),
    ("ListenV1", "ConfigureSuccess"): listen_v1_events.ConfigureSuccess(
        request_id=V1_REQUEST, keyterms=("Kvaerner", "order number")
    ),
    ("ListenV1", "ConfigureFailure"): listen_v1_events.ConfigureFailure(
        request_id=V1_REQUEST, code="CONFIGURE_KEYTERM_LIMIT_EXCEEDED", description="Keyterm limit exceeded."
    ),
    ("ListenV1", "Error"): listen_v1_events.Error(
        variant="SchemaError",
        description="Could not deserialize last text message: unknown variant `Terminate`",
        message='{"type":"Terminate"}',
    ),
    ("ListenV2", "Connected"): listen_v2_events.Connected(request_id=V2_REQUEST, sequence_id=0),
    ("ListenV2", "TurnInfo"): listen_v2_events.TurnInfo(
        request_id=V2_REQUEST,
        sequence_id=9,
        event="EndOfTurn",
        turn_index=0,
        audio_window_start=0.0,
        audio_window_end=2.24,
        transcript="Two tickets.",
        words=(
            listen_v2_events.Word(word="Two", confidence=0.998, start=0.64, end=0.8),
            listen_v2_events.Word(word="tickets.", confidence=0.997, start=0.8, end=1.12),
        ),
        end_of_turn_confidence=0.83,
        trigger="model",
    ),
    ("ListenV2", "ConfigureSuccess"): listen_v2_events.ConfigureSuccess(
        request_id=V2_REQUEST,
        sequence_id=10,
        thresholds=listen_v2_events.Thresholds(
            eager_eot_threshold=0.4, eot_threshold=0.8, eot_timeout_ms=3000
        ),
        keyterms=("Oslo",),
        language_hints=("en", "es"),
        numerals=True,
    ),
    ("ListenV2", "ConfigureFailure"): listen_v2_events.ConfigureFailure(
        request_id=V2_REQUEST,
        sequence_id=11,
        code="INVALID_THRESHOLD",
        description="eager_eot_threshold must not exceed eot_threshold",
    ),
    ("ListenV2", "Warning"): listen_v2_events.Warning(
        request_id=V2_REQUEST,
        sequence_id=12,
        code="FORCE_END_TURN_NO_ACTIVE_TURN",
        description="ForceEndTurn came while no turn was active; ignored.",
    ),
    ("ListenV2", "Error"): listen_v2_events.Error(
        sequence_id=13,
        code="UNPARSABLE_CLIENT_MESSAGE",
        description="Could not deserialize last text message",
    ),
    ("SpeakV1", "Metadata"): speak_v1_events.Metadata(
        request_id="2b9f7f9c-2222-4e5f-8a1b-abcdefabcdef",
        model_name="aura-2-thalia-en",
        model_version="2025-04-07.0",
        model_uuid="e9d3f0a1-5555-4c7b-8f0e-1234567890ab",
    ),
    ("SpeakV1", "Flushed"): speak_v1_events.Flushed(sequence_id=0),
    ("SpeakV1", "Cleared"): speak_v1_events.Cleared(sequence_id=1),
    ("SpeakV1", "Warning"): speak_v1_events.Warning(
        code="EXCESSIVE_FLUSH", description="Rate limit exceeded for flushes. Please try again later."
    ),
    ("SpeakV1", "Error"): speak_v1_events.Error(description="something went wrong"),
    ("SpeakV2", "Connected"): speak_v2_events.Connected(
        request_id="9d8c7b6a-3333-4f5e-8d7c-fedcba987654",
        model_name="flux-alexis-en",
        model_version="2026-07-14.1",
        model_uuids=("c0ffee00-4444-4bbb-8ccc-000011112222",),
    ),
    ("SpeakV2", "SpeechStarted"): speak_v2_events.SpeechStarted(speech_id="dg_sp_0a1b2c3d4e5f"),
    ("SpeakV2", "Flushed"): speak_v2_events.Flushed(speech_id="dg_sp_0a1b2c3d4e5f"),
    ("SpeakV2", "SpeechMetadata"): speak_v2_events.SpeechMetadata(
        speech_id="dg_sp_0a1b2c3d4e5f",
        audio_duration_ms=2140,
        input_character_count=27,
        billable_character_count=27,
    ),
    ("SpeakV2", "SpeechInterrupted"): speak_v2_events.SpeechInterrupted(
        audio_played_ms=1840,
        text_spoken="Your train leaves",
        text_remaining="at nine.",
        metadata=speak_v2_events.Summary(
            speech_id="dg_sp_0a1b2c3d4e5f",
            audio_duration_ms=2140,
            input_character_count=27,
            billable_character_count=27,
        ),
    ),
    ("SpeakV2", "SessionMetadata"): speak_v2_events.SessionMetadata(
        total_audio_duration_ms=2140, total_input_character_count=27, total_billable_character_count=27
    ),
    ("SpeakV2", "ConfigureSuccess"): speak_v2_events.ConfigureSuccess(
        applied=speak_v2_events.Applied(speed=1.1)
    ),
    ("SpeakV2", "ConfigureFailure"): speak_v2_events.ConfigureFailure(
        code="SPEED_OUT_OF_RANGE", field="speed", value=3.0, description="speed outside the allowed range"
    ),
    ("SpeakV2", "Warning"): speak_v2_events.Warning(code="NO_ACTIVE_SPEECH", description="nothing to flush"),
    ("SpeakV2", "Error"): speak_v2_events.Error(
        code="NET-0004", description="No client message within the inactivity window"
    ),
}


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
