"""Every message of the four endpoints, compared whole: each field, each word, each close."""

from __future__ import annotations

import json
from typing import Any

import pytest

from speechwire.emulator._messages import Close, Output, Send, SendAudio
from speechwire.emulator._settings_v1 import NovaSettings
from speechwire.emulator._settings_v2 import FluxSettings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v1 import ListenV1
from speechwire.emulator.listen_v2 import ListenV2
from speechwire.emulator.speak_v1 import SpeakV1, SpeakV1Settings
from speechwire.emulator.speak_v2 import SpeakV2, SpeakV2Settings

UNPARSABLE = "Could not deserialize last text message: "
WORDS = (Word("two", 0.5, 0.8, 0.9, "Two"), Word("tickets", 0.8, 1.2, 0.95, "tickets."))


def sent(*messages: dict[str, Any]) -> list[Output]:
    return [Send(message) for message in messages]


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


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
    return ListenV1("id", NovaSettings(model=model, **settings), created="now", digest=lambda: "digest")


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
    assert NovaSettings(model=model).model_info == info


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
    machine = ListenV2("id", FluxSettings(**settings))
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
            "unknown variant `KeepAlive`, expected one of `CloseStream`, `Configure`, `ForceEndTurn` at line 1 "
            "column 20",
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
    assert machine.settings == FluxSettings()


# /v1/speak


def aura(**settings: Any) -> SpeakV1:
    machine = SpeakV1("id", SpeakV1Settings("aura-2-thalia-en", **settings))
    assert machine.open() == sent(
        {
            "type": "Metadata",
            "request_id": "id",
            "model_name": "aura-2-thalia-en",
            "model_version": "2025-04-07.0",
            "model_uuid": "e9d3f0a1-5555-4c7b-8f0e-1234567890ab",
            "additional_model_uuids": [],
        }
    )
    return machine


def test_aura_from_the_first_text_to_the_end() -> None:
    machine = aura(speed=1.2)
    assert machine.speed == 1.2
    assert machine.receive(said("Speak", text="One. "), 0.0) == []
    assert (machine.receive(said("Speak", text="Two."), 0.0), machine.job) == ([], None)
    assert machine.receive(said("Flush"), 0.0) == []
    assert machine.job == (0, "One. Two.")
    assert machine.audio(0, b"ab") == [SendAudio(b"ab")]
    assert machine.audio(0, b"") == machine.audio(1, b"ab") == machine.job_done(1) == []
    assert machine.job_done(0) == sent({"type": "Flushed", "sequence_id": 0})
    machine.receive(said("Speak", text="Three."), 0.0)
    assert machine.receive(said("Clear"), 0.0) == sent({"type": "Cleared", "sequence_id": 1})
    machine.receive(said("Speak", text="Four."), 0.0)
    assert machine.receive(said("Close"), 0.0) == []
    assert machine.job == (1, "Four.")
    assert machine.receive(said("Speak", text="Five."), 0.0) == []
    assert machine.job_done(1) == [*sent({"type": "Flushed", "sequence_id": 2}), Close(1000)]
    assert machine.receive(said("Flush"), 0.0) == machine.job_done(1) == []


def test_aura_counts_flushes_and_characters_over_a_minute() -> None:
    machine = aura()
    for _ in range(20):
        assert machine.receive(said("Flush"), 0.0) == []
    words = "Rate limit exceeded for flushes. Please try again later."
    warning = {"type": "Warning", "warn_code": "EXCESSIVE_FLUSH", "warn_msg": words}
    assert machine.receive(said("Flush"), 59.9) == sent(warning)
    assert machine.receive(said("Flush"), 60.0) == []
    assert machine.receive(said("Speak", text="x" * 2000), 60.0) == []
    assert machine.receive(said("Speak", text="x" * 400), 61.0) == []
    assert machine.receive(said("Speak", text="x" * 2000), 120.0) == []
    assert machine.receive(said("Speak", text="x"), 120.0) == [Close(1008, "DATA-0001")]
    assert aura().receive(said("Speak", text="x" * 2001), 0.0) == [Close(1009, "BIG-0001")]


# /v2/speak

CONTROLS = {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0}
MS = 48


def flux_tts() -> SpeakV2:
    machine = SpeakV2("id", SpeakV2Settings("flux-alexis-en"))
    assert machine.open() == sent(
        {
            "type": "Connected",
            "request_id": "id",
            "model_name": "flux-alexis-en",
            "model_version": "2026-07-14.1",
            "model_uuids": ["c0ffee00-4444-4bbb-8ccc-000011112222"],
        }
    )
    return machine


def speech(number: int) -> str:
    return f"dg_sp_{number:012x}"


def numbers(number: int, milliseconds: int, characters: int) -> dict[str, Any]:
    return {
        "speech_id": speech(number),
        "audio_duration_ms": milliseconds,
        "input_character_count": characters,
        "billable_character_count": characters,
        "controls_applied": CONTROLS,
    }


def warned(code: str, description: str) -> list[Output]:
    return sent({"type": "Warning", "code": code, "description": description})


def test_flux_tts_from_the_first_text_to_the_end() -> None:
    machine = flux_tts()
    started = [{"type": "SpeechStarted", "speech_id": speech(number)} for number in range(4)]
    flushed = [{"type": "Flushed", "speech_id": speech(number)} for number in range(4)]
    assert machine.receive(said("Speak", text="One two. Three"), 0.0) == sent(started[1])
    assert machine.job == (0, "One two. ")
    assert machine.audio(0, bytes(60 * MS)) == [SendAudio(bytes(60 * MS))]
    assert machine.audio(1, b"x") == machine.audio(0, b"") == machine.job_done(7) == machine.job_done(0) == []
    assert machine.receive(said("Flush"), 0.0) == sent(flushed[1])
    assert machine.job == (1, "Three")
    assert machine.receive(said("Speak", text="Four."), 0.0) == []
    assert machine.receive(said("Flush"), 0.0) == []
    machine.audio(1, bytes(40 * MS))
    assert machine.job_done(1) == sent(
        {"type": "SpeechMetadata"} | numbers(1, 100, 14), started[2], flushed[2]
    )
    assert machine.job == (2, "Four.")
    machine.audio(2, bytes(20 * MS))
    interrupted = {"type": "SpeechInterrupted", "audio_played_ms": 120, "metadata": numbers(2, 20, 5)}
    assert machine.receive(said("Interrupt"), 0.0) == sent(interrupted)
    assert machine.receive(said("Interrupt"), 0.0) == warned("NO_ACTIVE_SPEECH", "nothing to interrupt")
    assert machine.receive(said("Speak", text="Five"), 0.0) == sent(started[3])
    assert machine.receive(said("Close"), 0.0) == sent(flushed[3])
    assert machine.receive(said("Speak", text="Six"), 0.0) == []
    assert machine.job == (5, "Five")
    machine.audio(5, bytes(10 * MS))
    totals = {
        "type": "SessionMetadata",
        "total_audio_duration_ms": 130,
        "total_input_character_count": 23,
        "total_billable_character_count": 23,
    }
    ended = {"type": "SpeechMetadata"} | numbers(3, 10, 4)
    assert machine.job_done(5) == [*sent(ended, totals), Close(1000)]


def test_flux_tts_is_interrupted_where_the_listener_is() -> None:
    machine = flux_tts()
    assert machine.receive(said("Interrupt"), 0.0) == warned("NO_AUDIO_GENERATED", "nothing to interrupt")
    machine.receive(said("Speak", text="One two three. "), 0.0)
    machine.audio(0, bytes(900 * MS))
    outside = warned("INVALID_INTERRUPT_OFFSET", "playback_offset must grow and lie within the audio sent")

    def interrupt(value: float) -> list[Output]:
        return machine.receive(said("Interrupt", playback_offset={"type": "time_ms", "value": value}), 0.0)

    assert interrupt(0) == interrupt(901) == interrupt(-1) == outside
    # Sixty milliseconds a character: "One two" has seven.
    assert interrupt(420) == sent(
        {
            "type": "SpeechInterrupted",
            "audio_played_ms": 420,
            "text_spoken": "One two",
            "text_remaining": "three.",
            "metadata": numbers(1, 900, 15),
        }
    )


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (said("Configure", speed=0.5), {"type": "ConfigureSuccess", "applied": {"speed": 0.5}}),
        (said("Configure", speed=1), {"type": "ConfigureSuccess", "applied": {"speed": 1}}),
        *[
            (
                said("Configure", speed=speed),
                {
                    "type": "ConfigureFailure",
                    "code": code,
                    "field": "speed",
                    "value": speed,
                    "description": description,
                },
            )
            for speed, code, description in (
                (0.45, "SPEED_OUT_OF_RANGE", "speed outside the allowed range"),
                (1.55, "SPEED_OUT_OF_RANGE", "speed outside the allowed range"),
                (1.02, "SPEED_INCREMENT_INVALID", "speed must be a multiple of 0.05"),
            )
        ],
        (said("Flush"), {"type": "Warning", "code": "NO_ACTIVE_SPEECH", "description": "nothing to flush"}),
    ],
)
def test_flux_tts_answers(message: str, answer: dict[str, Any]) -> None:
    machine = flux_tts()
    assert machine.receive(message, 0.0) == sent(answer)
    assert machine.speed == answer.get("applied", {}).get("speed", 1.0)


def test_flux_tts_warns_of_what_it_does_not_speak() -> None:
    machine = flux_tts()
    stripped = warned("INPUT_MARKUP_STRIPPED", "Markup was removed from the text")
    started = sent({"type": "SpeechStarted", "speech_id": speech(1)})
    assert machine.receive(said("Speak", text="<break time='1s'/> "), 0.0) == [*stripped, *started]
    machine.receive(said("Flush"), 0.0)
    assert machine.job is not None
    empty = warned("NO_SYNTHESIZABLE_TEXT", "the turn had no text to speak")
    metadata = sent({"type": "SpeechMetadata"} | numbers(1, 0, 1))
    assert machine.job_done(machine.job[0]) == [*empty, *metadata]


FLUX_TTS_TYPES = "expected one of `Speak`, `Flush`, `Interrupt`, `Configure`, `Close`"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "expected value at line 1 column 1"),
        ('{"type":"Clear"}', f"unknown variant `Clear`, {FLUX_TTS_TYPES} at line 1 column 16"),
        (said("Speak"), "`text` must be a non-empty string"),
        (said("Speak", text=""), "`text` must be a non-empty string"),
        (said("Interrupt", x=1), "unknown field in `Interrupt`"),
        (said("Interrupt", playback_offset=5), "`playback_offset` must be a time_ms value"),
        (
            said("Interrupt", playback_offset={"type": "x", "value": 5}),
            "`playback_offset` must be a time_ms value",
        ),
        (
            said("Interrupt", playback_offset={"type": "time_ms", "value": True}),
            "`playback_offset` must be a time_ms value",
        ),
        (said("Configure"), "`speed` must be a number"),
        (said("Configure", speed=True), "`speed` must be a number"),
    ],
)
def test_flux_tts_forgives_nothing(text: str, why: str) -> None:
    error = {"type": "Error", "code": "DATA-0000", "description": UNPARSABLE + why}
    assert flux_tts().receive(text, 0.0) == [*sent(error), Close(1008, "DATA-0000")]


@pytest.mark.parametrize(
    ("end", "code", "description", "close"),
    [
        ("receive_binary", "MESSAGE-0000", "Binary messages are not supported", 1003),
        ("idle", "NET-0004", "No client message within the inactivity window", 1011),
        ("broken", "NET-0000", "An internal error occurred", 1011),
        ("session_over", "NET-0003", "The maximum session duration has been reached", 1011),
    ],
)
def test_flux_tts_ends_for_other_reasons(end: str, code: str, description: str, close: int) -> None:
    machine = flux_tts()
    machine.receive(said("Speak", text="One."), 0.0)
    error = {"type": "Error", "code": code, "description": description}
    assert getattr(machine, end)() == [*sent(error), Close(close, code)]
    assert machine.job is None
    assert machine.receive(said("Flush"), 0.0) == []
