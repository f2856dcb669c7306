"""What an event says where the service said nothing, and that it stays as it came."""

from __future__ import annotations

import gc
import inspect
from typing import Any

import msgspec
import pytest

from speechwire.protocol import (
    EndKind,
    Utterance,
    events,
    listen_v1_events,
    listen_v2_events,
    speak_v1_events,
    speak_v2_events,
)

UNKNOWN_NUMBER = -1

COUNTS = {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0}
SUMMARY = {
    "speech_id": "",
    "audio_duration_ms": 0.0,
    "input_character_count": 0,
    "billable_character_count": 0,
    "controls_applied": COUNTS,
}
MODEL = {"name": "", "version": "", "arch": ""}
RESULTS_METADATA = {"request_id": "", "model_info": MODEL, "model_uuid": ""}
THRESHOLDS = {"eager_eot_threshold": None, "eot_threshold": None, "eot_timeout_ms": None}

# The module, the event, what it needs, what else it says.
BARE: list[tuple[Any, str, dict[str, Any], dict[str, Any]]] = [
    (listen_v1_events, "Word", {"word": "a", "start": 1.0, "end": 2.0}, {"confidence": 0.0}),
    (
        listen_v1_events,
        "Alternative",
        {"transcript": "a"},
        {"confidence": 0.0, "words": (), "languages": (), "languages_hinted": ()},
    ),
    (listen_v1_events, "Channel", {}, {"alternatives": ()}),
    (
        listen_v1_events,
        "Entity",
        {"label": "a", "value": "b"},
        {"raw_value": "", "confidence": 0.0, "start_word": 0, "end_word": 0},
    ),
    (listen_v1_events, "ModelInfo", {}, MODEL),
    (listen_v1_events, "ResultsMetadata", {}, RESULTS_METADATA),
    (
        listen_v1_events,
        "Results",
        {"channel": listen_v1_events.Channel()},
        {
            "channel": {"alternatives": ()},
            "start": 0.0,
            "duration": 0.0,
            "channel_index": (0, 1),
            "is_final": False,
            "speech_final": False,
            "from_finalize": False,
            "entities": (),
            "metadata": RESULTS_METADATA,
        },
    ),
    (listen_v1_events, "SpeechStarted", {}, {"timestamp": UNKNOWN_NUMBER, "channel": (0, 1)}),
    (listen_v1_events, "UtteranceEnd", {}, {"last_word_end": -1.0, "channel": (0, 1)}),
    (
        listen_v1_events,
        "Metadata",
        {},
        {
            "request_id": "",
            "duration": 0.0,
            "channels": 0,
            "created": "",
            "sha256": "",
            "transaction_key": "",
            "models": (),
            "model_info": {},
        },
    ),
    (listen_v1_events, "ConfigureSuccess", {}, {"request_id": "", "keyterms": None}),
    (listen_v1_events, "ConfigureFailure", {}, {"request_id": "", "code": "", "description": ""}),
    (listen_v1_events, "Error", {}, {"variant": "", "description": "", "message": "", "code": ""}),
    (listen_v2_events, "Word", {"word": "a"}, {"confidence": 0.0, "start": None, "end": None}),
    (listen_v2_events, "Connected", {}, {"request_id": "", "sequence_id": None}),
    (
        listen_v2_events,
        "TurnInfo",
        {"transcript": "a"},
        {
            "event": "Update",
            "turn_index": UNKNOWN_NUMBER,
            "audio_window_start": UNKNOWN_NUMBER,
            "audio_window_end": UNKNOWN_NUMBER,
            "request_id": "",
            "sequence_id": None,
            "words": (),
            "end_of_turn_confidence": None,
            "trigger": None,
            "languages": (),
            "languages_hinted": (),
        },
    ),
    (listen_v2_events, "Thresholds", {}, THRESHOLDS),
    (
        listen_v2_events,
        "ConfigureSuccess",
        {},
        {
            "request_id": "",
            "sequence_id": None,
            "thresholds": THRESHOLDS,
            "keyterms": (),
            "language_hints": (),
            "numerals": None,
        },
    ),
    (
        listen_v2_events,
        "ConfigureFailure",
        {},
        {"request_id": "", "sequence_id": None, "code": "", "description": ""},
    ),
    (
        listen_v2_events,
        "Warning",
        {},
        {"request_id": "", "sequence_id": None, "code": "", "description": ""},
    ),
    (listen_v2_events, "Error", {}, {"sequence_id": None, "code": "", "description": ""}),
    (
        speak_v1_events,
        "Metadata",
        {},
        {
            "request_id": "",
            "model_name": "",
            "model_version": "",
            "model_uuid": "",
            "additional_model_uuids": (),
        },
    ),
    (speak_v1_events, "Audio", {"data": b"a", "flush_index": 0}, {}),
    (speak_v1_events, "Flushed", {}, {"sequence_id": None, "flush_index": None}),
    (speak_v1_events, "Cleared", {}, {"sequence_id": None, "flush_indices": (), "discarded_bytes": 0}),
    (speak_v1_events, "WireWarning", {}, {"code": "", "description": "", "warn_code": "", "warn_msg": ""}),
    (speak_v1_events, "Warning", {}, {"code": "", "description": "", "flush_index": None}),
    (speak_v1_events, "Error", {}, {"code": "", "description": ""}),
    (
        speak_v2_events,
        "Connected",
        {},
        {"request_id": "", "model_name": "", "model_version": "", "model_uuids": ()},
    ),
    (speak_v2_events, "SpeechStarted", {"speech_id": "a"}, {}),
    (speak_v2_events, "Audio", {"data": b"a", "speech_id": None}, {}),
    (speak_v2_events, "Flushed", {}, {"speech_id": ""}),
    (speak_v2_events, "ControlsApplied", {}, COUNTS),
    (speak_v2_events, "Summary", {}, SUMMARY),
    (speak_v2_events, "SpeechMetadata", {}, {**SUMMARY, "repeated": False}),
    (
        speak_v2_events,
        "SpeechInterrupted",
        {},
        {
            "audio_played_ms": None,
            "text_spoken": None,
            "text_remaining": None,
            "metadata": SUMMARY,
            "discarded_bytes": 0,
        },
    ),
    (
        speak_v2_events,
        "SessionMetadata",
        {},
        {
            "total_audio_duration_ms": 0.0,
            "total_input_character_count": 0,
            "total_billable_character_count": 0,
        },
    ),
    (speak_v2_events, "Applied", {}, {"speed": None}),
    (speak_v2_events, "ConfigureSuccess", {}, {"applied": {"speed": None}}),
    (speak_v2_events, "ConfigureFailure", {}, {"code": "", "field": "", "value": None, "description": ""}),
    (speak_v2_events, "Warning", {}, {"code": "", "description": "", "refuses_flush": False}),
    (speak_v2_events, "Error", {}, {"code": "", "description": ""}),
    (
        events,
        "Closed",
        {"code": 1000, "reason": "", "kind": EndKind.SUCCESS},
        {"deepgram_code": None, "error": None},
    ),
    (events, "UnknownMessage", {"type": "a", "payload": "{}"}, {}),
    (events, "MalformedMessage", {"reason": "a", "preview": "b"}, {}),
    (events, "SequenceGap", {"expected": 1, "received": 2}, {}),
]
every_event = pytest.mark.parametrize(("module", "name", "needed", "rest"), BARE)


def test_the_table_is_complete() -> None:
    modules = (listen_v1_events, listen_v2_events, speak_v1_events, speak_v2_events, events)
    named = {
        (module.__name__, name)
        for module in modules
        for name in module.__all__
        if isinstance(kind := getattr(module, name), type) and issubclass(kind, msgspec.Struct)
    }
    assert {(module.__name__, name) for module, name, *_ in BARE} == named - {(events.__name__, "Message")}


@every_event
def test_what_is_not_said_has_a_value_that_says_so(
    module: Any, name: str, needed: dict[str, Any], rest: dict[str, Any]
) -> None:
    kind = getattr(module, name)
    told = msgspec.to_builtins(kind(**needed), builtin_types=(bytes,))
    type_name = told.pop("type", None) if "type" not in needed else None
    assert type_name == ("Warning" if name == "WireWarning" else name if type_name else None)
    optional = {"punctuated_word": None, "language": None, "speaker": None} if "start" in needed else {}
    assert told == {**msgspec.to_builtins(needed, builtin_types=(bytes,)), **optional, **rest}


@every_event
def test_an_event_stays_as_it_came_and_is_made_by_name(
    module: Any, name: str, needed: dict[str, Any], rest: dict[str, Any]
) -> None:
    kind = getattr(module, name)
    event = kind(**needed)
    kinds = {parameter.kind for parameter in inspect.signature(kind).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    for field in kind.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(event, field, getattr(event, field))


@every_event
def test_a_message_costs_the_garbage_collector_nothing(
    module: Any, name: str, needed: dict[str, Any], rest: dict[str, Any]
) -> None:
    """A busy agent makes thousands of words a minute; none of them can be part of a cycle."""
    if module is not events and name != "Summary":
        assert not gc.is_tracked(getattr(module, name)(**needed))


def test_an_utterance_goes_on_until_something_ends_it() -> None:
    bare = Utterance(channel=0, transcript="a", start=0.0, end=1.0)
    assert (bare.words, bare.confidence, bare.languages, bare.ended_by) == ((), 0.0, (), None)
    with pytest.raises(AttributeError, match="immutable"):
        bare.channel = 1  # type: ignore[misc]
