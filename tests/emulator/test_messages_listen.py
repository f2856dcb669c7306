"""Every message of the listening endpoints, compared whole: each field, each word, each close."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.emulator._messages import Close, Output
from speechwire.emulator._settings_v1 import ListenV1Settings
from speechwire.emulator._settings_v2 import ListenV2Settings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v1 import ListenV1
from speechwire.emulator.listen_v2 import ListenV2

from .saying import UNPARSABLE, said, sent

WORDS = (Word("two", 0.5, 0.8, 0.9, "Two"), Word("tickets", 0.8, 1.2, 0.95, "tickets."))

# /v1/listen

MODEL = {"name": "general-nova-3", "version": "2025-04-17.21547", "arch": "nova-3"}
UUID = "40bd3654-e622-47c4-a111-63a61b23bfe8"
RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [0, 1],
    "duration": 1.0,
    "start": 0.0,
    "is_final": False,
    "speech_final": False,
    "channel": {"alternatives": [{"transcript": "", "confidence": 0.0, "words": []}]},
    "metadata": {"request_id": "id", "model_info": MODEL, "model_uuid": UUID},
    "from_finalize": False,
}
METADATA: dict[str, Any] = {
    "type": "Metadata",
    "transaction_key": "deprecated",
    "request_id": "id",
    "sha256": "digest",
    "created": "now",
    "duration": 0.0,
    "channels": 0,
}


def nova(model: str = "nova-3", **settings: Any) -> ListenV1:
    return ListenV1("id", ListenV1Settings(model=model, **settings), created="now", digest=lambda: "digest")


def alternative(transcript: str, confidence: float, *words: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "alternatives": [{"transcript": transcript, "confidence": confidence, "words": list(words), **fields}]
    }


def test_nova_from_the_first_word_to_the_end() -> None:
    machine = nova(
        language="multi",
        interim_results=True,
        vad_events=True,
        utterance_end_ms=1000,
        formatted=True,
        diarize=True,
        replacements=(("tickets", "fares"),),
    )
    assert machine.open() == []
    speaker = {"language": "en", "speaker": 0}
    two = {"word": "two", "start": 0.5, "end": 0.8, "confidence": 0.9, "punctuated_word": "Two"} | speaker
    fares = {
        "word": "fares",
        "start": 0.8,
        "end": 1.2,
        "confidence": 0.95,
        "punctuated_word": "fares.",
    } | speaker
    assert machine.hear(Heard(0.6, silence_s=0.0)) == sent(
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.6}
    )
    assert machine.hear(Heard(1.0, WORDS[:1], silence_s=0.0)) == sent(
        RESULTS | {"channel": alternative("Two", 0.9, two, languages=["en"])}
    )
    final = {"is_final": True, "speech_final": True}
    assert machine.hear(Heard(1.3, WORDS, settled=True, silence_s=0.1)) == sent(
        RESULTS
        | final
        | {"duration": 1.3, "channel": alternative("Two fares.", 0.925, two, fares, languages=["en"])}
    )
    later = {"start": 1.3, "duration": 1.1000001}
    assert machine.hear(Heard(2.4, silence_s=1.2)) == sent(
        RESULTS | later, {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.2}
    )
    assert machine.receive(said("Finalize")) == sent(RESULTS | later | final | {"from_finalize": True})
    named = {"channels": 1, "duration": 2.4, "models": [UUID], "model_info": {UUID: MODEL}}
    assert machine.receive(said("CloseStream")) == [*sent(METADATA | named), Close(1000)]
    assert machine.receive(said("Finalize")) == machine.hear(Heard(3.0)) == []


def test_nova_as_plain_as_it_gets() -> None:
    machine = nova()
    words = [
        {"word": "two", "start": 0.5, "end": 0.8, "confidence": 0.9},
        {"word": "tickets", "start": 0.8, "end": 1.2, "confidence": 0.95},
    ]
    assert machine.hear(Heard(1.3, WORDS, settled=True, silence_s=0.1)) == sent(
        RESULTS
        | {"is_final": True, "speech_final": True, "duration": 1.3}
        | {"channel": alternative("two tickets", 0.925, *words)}
    )


@pytest.mark.parametrize(
    ("model", "name", "arch"),
    [
        ("nova-3", "general-nova-3", "nova-3"),
        ("nova-3-medical", "medical-nova-3", "nova-3"),
        ("nova-2-phonecall", "phonecall-nova-2", "nova-2"),
        ("base", "general-base", "base"),
    ],
)
def test_nova_names_its_model(model: str, name: str, arch: str) -> None:
    info = {"name": name, "version": "2025-04-17.21547", "arch": arch}
    assert ListenV1Settings(model=model).model_info == info


NOVA_TYPES = "expected one of `CloseStream`, `Configure`, `Sync`, `KeepAlive`, `Finalize`"
NOVA_KEYS = "expected one of `features`, `processors`, `keyterms`, `language_hints`"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "expected value at line 1 column 1"),
        ('{\n"type" 1}', "expected value at line 2 column 8"),
        ("[]", "expected a JSON object at line 1 column 1"),
        ("{}", "missing field `type` at line 1 column 2"),
        ('{"type":1}', "missing field `type` at line 1 column 10"),
        ('{"type":"Flush"}', f"unknown variant `Flush`, {NOVA_TYPES} at line 1 column 16"),
        ('{"type":"Configure","keyterm":[]}', f"unknown field `keyterm`, {NOVA_KEYS}"),
        ('{"type":"Configure","keyterms":"x"}', "`keyterms` must be a list of strings"),
        ('{"type":"Configure","keyterms":[1]}', "`keyterms` must be a list of strings"),
    ],
)
def test_nova_forgives_what_it_cannot_read(text: str, why: str) -> None:
    machine = nova()
    error = {"type": "Error", "variant": "SchemaError", "description": UNPARSABLE + why, "message": text}
    assert machine.receive(text) == sent(error)
    assert machine.receive(said("CloseStream")) == [*sent(METADATA), Close(1000)]


def failure(code: str, description: str) -> dict[str, Any]:
    return {"type": "ConfigureFailure", "request_id": "id", "code": code, "description": description}


@pytest.mark.parametrize(
    ("model", "fields", "answer"),
    [
        ("nova-3", {}, {"type": "ConfigureSuccess", "request_id": "id"}),
        ("nova-3", {"keyterms": None}, {"type": "ConfigureSuccess", "request_id": "id"}),
        ("nova-3", {"keyterms": ["a"]}, {"type": "ConfigureSuccess", "request_id": "id", "keyterms": ["a"]}),
        ("nova-3", {"keyterms": ["xy"] * 500}, None),
        (
            "nova-2",
            {"keyterms": ["a"]},
            failure("CONFIGURE_KEYTERMS_NOT_SUPPORTED", "Keyterms need a Nova-3 model."),
        ),
        (
            "nova-3",
            {"keyterms": ["xy"] * 501},
            failure("CONFIGURE_KEYTERM_LIMIT_EXCEEDED", "Keyterm limit exceeded."),
        ),
        ("nova-2", {"features": {"numerals": True}}, {"type": "ConfigureSuccess", "request_id": "id"}),
    ],
)
def test_nova_is_configured(model: str, fields: dict[str, Any], answer: dict[str, Any] | None) -> None:
    machine = nova(model, keyterms=("before",))
    assert machine.receive(said("Configure", **fields)) == []
    pending = failure("CONFIGURE_ALREADY_PENDING", "A Configure is still being processed.")
    assert machine.receive(said("Configure")) == sent(pending)
    success = {"type": "ConfigureSuccess", "request_id": "id", **fields}
    assert machine.quiet() == sent(success if answer is None else answer)
    assert machine.quiet() == []
    changed = fields.get("keyterms") is not None and (answer is None or answer["type"] == "ConfigureSuccess")
    assert machine.keyterms == (tuple(fields["keyterms"]) if changed else ("before",))


def test_nova_ends_for_other_reasons() -> None:
    silence = (
        "Deepgram did not receive audio data or a text message within the timeout window. "
        "See https://dpgr.am/net0001"
    )
    failed = (
        "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000"
    )
    assert nova().idle() == [*sent(METADATA), Close(1011, silence)]
    assert nova().broken() == [Close(1011, failed)]
    assert nova().undecodable() == [Close(1008, "DATA-0000")]
    assert nova().receive(b"") == [*sent(METADATA), Close(1000)]
    for end in ("idle", "broken", "undecodable"):
        machine = nova()
        getattr(machine, end)()
        assert machine.receive(said("Finalize")) == machine.receive("x") == machine.hear(Heard(9.0)) == []


# /v2/listen

TURN: dict[str, Any] = {
    "type": "TurnInfo",
    "request_id": "id",
    "turn_index": 0,
    "audio_window_start": 0.0,
    "transcript": "",
    "words": [],
    "end_of_turn_confidence": 0.0,
}
TWO = {"word": "Two", "confidence": 0.9, "start": 0.5, "end": 0.8}
TICKETS = {"word": "tickets.", "confidence": 0.95, "start": 0.8, "end": 1.2}


def flux(**settings: Any) -> ListenV2:
    machine = ListenV2("id", ListenV2Settings(**settings))
    assert machine.open() == sent({"type": "Connected", "request_id": "id", "sequence_id": 0})
    return machine


def turn(number: int, event: str, until_s: float, **fields: Any) -> dict[str, Any]:
    return TURN | {"sequence_id": number, "event": event, "audio_window_end": until_s} | fields


def test_flux_from_the_first_word_to_the_end() -> None:
    machine = flux(
        eager_eot_threshold=0.4, multilingual=True, language_hints=("en",), numerals=True, keyterms=("Oslo",)
    )
    hinted = {"languages": [], "languages_hinted": ["en"]}
    spoken = {"languages": ["en"], "languages_hinted": ["en"]}
    assert machine.hear(Heard(0.25)) == sent(turn(1, "Update", 0.25, **hinted))
    one = {"transcript": "Two", "words": [TWO]} | spoken
    both = {"transcript": "Two tickets.", "words": [TWO, TICKETS]} | spoken
    assert machine.hear(Heard(0.9, WORDS[:1], silence_s=0.0)) == sent(turn(2, "StartOfTurn", 0.9, **one))
    eager = {"end_of_turn_confidence": 0.5}
    assert machine.hear(Heard(1.3, WORDS, silence_s=0.1, end_of_turn=0.5)) == sent(
        turn(3, "EagerEndOfTurn", 1.3, **both, **eager)
    )
    assert machine.hear(Heard(1.4, WORDS, silence_s=0.0)) == sent(turn(4, "TurnResumed", 1.4, **both))
    assert machine.hear(Heard(2.0, WORDS, silence_s=0.4, end_of_turn=0.71)) == sent(
        turn(5, "EagerEndOfTurn", 2.0, **both, end_of_turn_confidence=0.71),
        turn(6, "EndOfTurn", 2.0, **both, end_of_turn_confidence=0.71, trigger="model"),
    )
    second = {"turn_index": 1, "audio_window_start": 2.0} | hinted
    assert machine.hear(Heard(2.1, WORDS)) == []
    assert machine.receive(said("CloseStream")) == [*sent(turn(7, "Update", 2.1, **second)), Close(None)]
    assert machine.receive(said("ForceEndTurn")) == machine.hear(Heard(3.0)) == []


@pytest.mark.parametrize(("silence_s", "trigger"), [(0.4999, None), (0.5, "timeout")])
def test_flux_ends_a_turn_by_silence(silence_s: float, trigger: str | None) -> None:
    machine = flux(eot_threshold=1.0, eot_timeout_ms=500)
    machine.hear(Heard(1.2, WORDS, silence_s=0.0))
    both = {"transcript": "Two tickets.", "words": [TWO, TICKETS], "end_of_turn_confidence": 1.0}
    ended = turn(2, "EndOfTurn", 1.3, **both, trigger=trigger)
    heard = machine.hear(Heard(1.3, WORDS, silence_s=silence_s, end_of_turn=1.0))
    assert heard == (sent(ended) if trigger else [])


def test_flux_is_forced() -> None:
    machine = flux()
    warning = {
        "type": "Warning",
        "request_id": "id",
        "sequence_id": 1,
        "code": "FORCE_END_TURN_NO_ACTIVE_TURN",
        "description": "ForceEndTurn came while no turn was active; ignored.",
    }
    assert machine.receive(said("ForceEndTurn")) == sent(warning)
    machine.hear(Heard(1.2, WORDS[:1], silence_s=0.0))
    assert machine.receive(said("ForceEndTurn")) == sent(
        turn(3, "EndOfTurn", 1.2, transcript="Two", words=[TWO], trigger="manual")
    )


def fatal(code: str, description: str) -> list[Output]:
    error = {"type": "Error", "sequence_id": 1, "code": code, "description": description}
    return [*sent(error), Close(None)]


THRESHOLDS = "expected one of eager_eot_threshold, eot_threshold, eot_timeout_ms"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "expected value at line 1 column 1"),
        (
            '{"type":"KeepAlive"}',
            "unknown variant `KeepAlive`, expected one of `CloseStream`, `Configure`, `ForceEndTurn` at "
            "line 1 column 20",
        ),
        (
            said("Configure", x=1),
            "unknown field `x`, expected one of keyterms, language_hints, numerals, thresholds",
        ),
        (said("Configure", thresholds=[]), "`thresholds` must be an object"),
        (said("Configure", thresholds={"x": 1}), f"unknown field `x`, {THRESHOLDS}"),
        (said("Configure", thresholds={"eot_threshold": "1"}), "`eot_threshold` has the wrong type"),
        (said("Configure", thresholds={"eot_threshold": True}), "`eot_threshold` has the wrong type"),
        (said("Configure", thresholds={"eot_timeout_ms": 500.0}), "`eot_timeout_ms` has the wrong type"),
        (said("Configure", keyterms=[1]), "`keyterms` must be a list of strings"),
        (said("Configure", keyterms=1), "`keyterms` must be a list of strings"),
        (said("Configure", language_hints="en"), "`language_hints` must be a list of strings"),
        (said("Configure", numerals=1), "`numerals` has the wrong type"),
    ],
)
def test_flux_forgives_nothing(text: str, why: str) -> None:
    assert flux().receive(text) == fatal("UNPARSABLE_CLIENT_MESSAGE", UNPARSABLE + why)


def test_flux_ends_for_other_reasons() -> None:
    silence = "No audio, message or ping was received within the inactivity window."
    assert flux().idle() == fatal("INACTIVE_CLIENT", silence)
    assert flux().broken() == fatal("INTERNAL_SERVER_ERROR", "An internal error occurred; please retry.")
    assert flux().undecodable() == [Close(1008, "DATA-0000")]
    assert flux().receive(b"") == []
    assert flux().receive(said("CloseStream")) == [Close(None)]


DEFAULTS: dict[str, Any] = {
    "thresholds": {"eager_eot_threshold": None, "eot_threshold": 0.7, "eot_timeout_ms": 5000},
    "keyterms": [],
    "language_hints": [],
    "numerals": False,
}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"thresholds": None, "keyterms": None, "language_hints": None, "numerals": None}, {}),
        ({"thresholds": {"eager_eot_threshold": None}}, {}),
        (
            {"thresholds": {"eager_eot_threshold": 0.3, "eot_threshold": 0.5, "eot_timeout_ms": 500}},
            {"thresholds": {"eager_eot_threshold": 0.3, "eot_threshold": 0.5, "eot_timeout_ms": 500}},
        ),
        ({"keyterms": ["a", "b"]}, {"keyterms": ["a", "b"]}),
        ({"keyterms": "a"}, {"keyterms": ["a"]}),
        ({"language_hints": ["en"]}, {"language_hints": ["en"]}),
        ({"numerals": True}, {"numerals": True}),
    ],
)
def test_flux_is_configured(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    answer = {"type": "ConfigureSuccess", "request_id": "id", "sequence_id": 1} | DEFAULTS | changed
    assert flux(multilingual=True).receive(said("Configure", **fields)) == sent(answer)


@pytest.mark.parametrize(
    ("fields", "code", "description"),
    [
        (
            {"thresholds": {"eot_threshold": 0.4}, "numerals": True},
            "INVALID_THRESHOLD",
            "eot_threshold must be between 0.5 and 1.0",
        ),
        (
            {"language_hints": ["en"]},
            "INVALID_PARAMETER",
            "language_hint is not supported for model flux-general-en",
        ),
        (
            {"keyterms": ["a"] * 101},
            "KEYTERM_LIMIT_EXCEEDED",
            "Received 101 keyterms, which is more than the limit of 100.",
        ),
        ({"keyterms": [""]}, "INVALID_KEYTERM", "Each keyterm must have 1 to 100 characters."),
    ],
)
def test_flux_is_configured_as_a_whole_or_not_at_all(
    fields: dict[str, Any], code: str, description: str
) -> None:
    machine = flux()
    answer = {"type": "ConfigureFailure", "request_id": "id", "sequence_id": 1}
    assert machine.receive(said("Configure", **fields)) == sent(
        answer | {"code": code, "description": description}
    )
    assert machine.settings == ListenV2Settings()
