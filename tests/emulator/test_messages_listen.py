"""Every message of /v1/listen, compared whole: each field, each word, each close."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.emulator._messages import Close
from speechwire.emulator._settings_v1 import ListenV1Settings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v1 import ListenV1

from .saying import UNPARSABLE, said, sent

WORDS = (Word("two", 0.5, 0.8, 0.9, "Two"), Word("tickets", 0.8, 1.2, 0.95, "tickets."))

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
