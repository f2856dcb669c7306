"""Every message of /v2/listen, compared whole: each field, each word, each close."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.emulator._messages import Close, Output
from speechwire.emulator._settings_v2 import ListenV2Settings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v2 import ListenV2

from .saying import UNPARSABLE, said, sent

WORDS = (Word("two", 0.5, 0.8, 0.9, "Two"), Word("tickets", 0.8, 1.2, 0.95, "tickets."))


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
