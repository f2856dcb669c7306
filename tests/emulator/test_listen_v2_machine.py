"""Flux's state table ("Deepgram docs: flux/state"), row by row, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.emulator._messages import Close, Output, Send
from speechwire.emulator._settings_v2 import ListenV2Settings
from speechwire.emulator.engine import Heard, Word
from speechwire.emulator.listen_v2 import ListenV2


def word(text: str, start_s: float) -> Word:
    return Word(text, start_s, start_s + 0.2, 0.9, text)


TWO = (word("two", 0.5),)
TICKETS = (*TWO, word("tickets", 0.8))


def machine(**settings: Any) -> ListenV2:
    flux = ListenV2("request", ListenV2Settings(**settings))
    flux.open()
    return flux


def event(outputs: list[Output]) -> list[str]:
    shown = []
    for output in outputs:
        assert isinstance(output, Send | Close)
        shown.append(f"close {output.code}" if isinstance(output, Close) else _name(output.message))
    return shown


def _name(message: dict[str, Any]) -> str:
    name = str(message.get("event", message["type"]))
    return name + (f" {message['trigger']}" if "trigger" in message else "")


def receive(flux: ListenV2, kind: str, **fields: Any) -> list[Output]:
    return flux.receive(json.dumps({"type": kind, **fields}))


SPEECH = Heard(0.75, TWO, silence_s=0.0)


def heard(at_s: float, confidence: float, words: tuple[Word, ...] = TWO, silence_s: float = 0.3) -> Heard:
    return Heard(at_s, words, silence_s=silence_s, end_of_turn=confidence)


NEVER = {"eot_threshold": 1.0}

# settings, what is heard, the events of the last of it
ROWS: list[tuple[str, dict[str, Any], list[Heard], list[str]]] = [
    ("no words", {}, [Heard(0.25)], ["Update"]),
    ("no words, too early", {}, [Heard(0.2)], []),
    ("first words", {}, [Heard(0.25), SPEECH], ["StartOfTurn"]),
    ("ongoing", {}, [SPEECH, Heard(1.0, TICKETS, silence_s=0.0)], ["Update"]),
    ("below eot", {}, [SPEECH, heard(0.8, 0.69)], []),
    ("eot", {}, [SPEECH, heard(0.8, 0.7)], ["EndOfTurn model"]),
    ("eager", {"eager_eot_threshold": 0.5}, [SPEECH, heard(0.8, 0.5)], ["EagerEndOfTurn"]),
    ("eager once", {"eager_eot_threshold": 0.5}, [SPEECH, heard(0.8, 0.5), heard(0.85, 0.6)], []),
    (
        "eager, then unchanged",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.5), heard(1.05, 0.6)],
        ["Update"],
    ),
    (
        "eager, then eot",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.5), heard(0.9, 0.8)],
        ["EndOfTurn model"],
    ),
    (
        "eager and eot at once",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.9)],
        ["EagerEndOfTurn", "EndOfTurn model"],
    ),
    (
        "more speech after eager",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.5), heard(0.9, 0.0, silence_s=0.0)],
        ["TurnResumed"],
    ),
    (
        "text revised after eager",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.5), heard(0.9, 0.9, TICKETS)],
        ["TurnResumed"],
    ),
    (
        "eager again after resuming",
        {"eager_eot_threshold": 0.5},
        [SPEECH, heard(0.8, 0.5), heard(0.9, 0.0, silence_s=0.0), heard(1.0, 0.6)],
        ["EagerEndOfTurn"],
    ),
    ("no eager unless asked", {}, [SPEECH, heard(0.8, 0.69)], []),
    ("timeout", {**NEVER, "eot_timeout_ms": 500}, [SPEECH, heard(0.9, 1.0, silence_s=0.5)],
     ["EndOfTurn timeout"]),
    ("before the timeout", {**NEVER, "eot_timeout_ms": 501}, [SPEECH, heard(0.9, 1.0, silence_s=0.5)], []),
    ("threshold 1.0 is never met", {"eot_threshold": 1.0}, [SPEECH, heard(0.9, 1.0)], []),
    ("after the turn", {}, [SPEECH, heard(0.8, 0.7), heard(1.05, 0.9)], ["Update"]),
    ("next turn", {}, [SPEECH, heard(0.8, 0.7), heard(1.4, 0.0, (word("yes", 1.2),), 0.0)], ["StartOfTurn"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "reports", "expected"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_state_table(settings: dict[str, Any], reports: list[Heard], expected: list[str]) -> None:
    flux = machine(**settings)
    outputs = [flux.hear(report) for report in reports]
    assert event(outputs[-1]) == expected


def test_a_turn_reports_only_words_that_began_after_the_turn_before() -> None:
    flux = machine()
    flux.hear(SPEECH)
    flux.hear(heard(0.8, 0.9))
    (output,) = flux.hear(heard(1.4, 0.0, (*TWO, word("yes", 1.2)), 0.0))
    assert isinstance(output, Send)
    assert output.message["transcript"] == "yes"
    assert output.message["turn_index"] == 1
    assert output.message["audio_window_start"] == 0.8


def test_words_of_settled_utterances_stay_in_the_turn() -> None:
    flux = machine(eot_threshold=1.0)
    flux.hear(SPEECH)
    flux.hear(Heard(0.9, TWO, True, 0.1))
    (output,) = flux.hear(Heard(1.5, (word("more", 1.2),), silence_s=0.0))
    assert isinstance(output, Send)
    assert output.message["transcript"] == "two more"


def test_force_end_turn_takes_the_text_as_it_is() -> None:
    flux = machine(eager_eot_threshold=0.5)
    flux.hear(SPEECH)
    flux.hear(heard(0.8, 0.6))
    (output,) = receive(flux, "ForceEndTurn")
    assert isinstance(output, Send)
    assert (output.message["trigger"], output.message["end_of_turn_confidence"]) == ("manual", 0.6)
    assert event(receive(flux, "ForceEndTurn")) == ["Warning"]
    assert event(receive(flux, "ForceEndTurn")) == ["Warning"]


def test_force_end_turn_without_a_turn_changes_nothing() -> None:
    flux = machine()
    (warning,) = receive(flux, "ForceEndTurn")
    assert isinstance(warning, Send)
    assert warning.message["code"] == "FORCE_END_TURN_NO_ACTIVE_TURN"
    (update,) = flux.hear(Heard(0.25))
    assert isinstance(update, Send)
    assert update.message["turn_index"] == 0


def test_close_stream_reports_what_was_heard_and_closes_without_status() -> None:
    flux = machine()
    flux.hear(SPEECH)
    flux.hear(Heard(0.9, TICKETS, silence_s=0.0))
    assert event(receive(flux, "CloseStream")) == ["Update", "close None"]
    assert receive(flux, "ForceEndTurn") == []


FATAL = [
    '{"type":"KeepAlive"}',
    '{"type":"Finalize"}',
    '{"type":"Terminate"}',
    '{"type":"CloseStream "}',
    "not json",
    "[]",
    "{}",
    '{"type":7}',
    '{"type":"Configure","features":{"numerals":true}}',
    '{"type":"Configure","numerals":"true"}',
    '{"type":"Configure","thresholds":[]}',
    '{"type":"Configure","thresholds":{"eot_threshold":"0.7"}}',
    '{"type":"Configure","thresholds":{"eot_threshold":true}}',
    '{"type":"Configure","thresholds":{"threshold":0.7}}',
    '{"type":"Configure","keyterms":[1]}',
]


@pytest.mark.parametrize("text", FATAL)
def test_other_text_is_fatal(text: str) -> None:
    flux = machine()
    error, close = flux.receive(text)
    assert isinstance(error, Send)
    assert error.message["code"] == "UNPARSABLE_CLIENT_MESSAGE"
    assert "request_id" not in error.message
    assert close == Close(None)
    assert flux.hear(SPEECH) == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"thresholds": {"eot_threshold": 0.4}}, "INVALID_THRESHOLD"),
    ({"thresholds": {"eot_threshold": 1.1}}, "INVALID_THRESHOLD"),
    ({"thresholds": {"eager_eot_threshold": 0.8}}, "INVALID_THRESHOLD"),
    ({"thresholds": {"eager_eot_threshold": 0.2}}, "INVALID_THRESHOLD"),
    ({"thresholds": {"eot_timeout_ms": 499}}, "INVALID_THRESHOLD"),
    ({"thresholds": {"eot_threshold": 0.6}, "keyterms": [""]}, "INVALID_KEYTERM"),
    ({"keyterms": ["x"] * 101}, "KEYTERM_LIMIT_EXCEEDED"),
    ({"language_hints": ["es"]}, "INVALID_PARAMETER"),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
def test_configure_refused_changes_nothing(fields: dict[str, Any], code: str) -> None:
    flux = machine()
    before = flux.settings
    (failure,) = receive(flux, "Configure", **fields)
    assert isinstance(failure, Send)
    assert (failure.message["type"], failure.message["code"]) == ("ConfigureFailure", code)
    assert flux.settings == before


def test_configure_answers_with_the_whole_configuration_and_takes_effect_at_once() -> None:
    flux = machine(eot_threshold=0.9, keyterms=("Bergen",))
    flux.hear(SPEECH)
    assert flux.hear(heard(0.8, 0.6)) == []
    (success,) = receive(flux, "Configure", thresholds={"eot_threshold": 0.5}, keyterms=["Oslo"])
    assert isinstance(success, Send)
    thresholds = {"eager_eot_threshold": None, "eot_threshold": 0.5, "eot_timeout_ms": 5000}
    assert success.message["thresholds"] == thresholds
    assert success.message["keyterms"] == ["Oslo"]
    assert event(flux.hear(heard(0.85, 0.6))) == ["EndOfTurn model"]


def test_the_multilingual_model_names_languages() -> None:
    flux = machine(multilingual=True, language_hints=("en", "es"))
    (output,) = flux.hear(SPEECH)
    assert isinstance(output, Send)
    assert (output.message["languages"], output.message["languages_hinted"]) == (["en"], ["en", "es"])


reports = st.lists(
    st.tuples(st.sampled_from([(), TWO, TICKETS]), st.booleans(), st.sampled_from([None, 0.0, 0.3, 6.0]),
              st.floats(0.0, 1.0), st.sampled_from(["", "ForceEndTurn", "Configure"])),
    max_size=40,
)  # fmt: skip


@settings(deadline=None)
@given(reports, st.sampled_from([None, 0.3, 0.6]), st.sampled_from([0.6, 0.9, 1.0]))
def test_whatever_is_heard_the_documented_guarantees_hold(
    steps: list[Any], eager: float | None, threshold: float
) -> None:
    flux = ListenV2("request", ListenV2Settings(eot_threshold=threshold, eager_eot_threshold=eager))
    outputs = flux.open()
    for number, (words, settled, silence_s, confidence, text) in enumerate(steps, 1):
        shifted = tuple(Word(w.text, w.start_s + number / 10, w.end_s, 0.9, w.text) for w in words)
        outputs += flux.hear(Heard(number / 10, shifted, settled, silence_s, confidence))
        outputs += receive(flux, text) if text else []
    outputs += receive(flux, "CloseStream")
    messages = [output.message for output in outputs if isinstance(output, Send)]
    assert [message["sequence_id"] for message in messages] == list(range(len(messages)))
    _check_turns([message for message in messages if message["type"] == "TurnInfo"])


def _check_turns(turns: list[dict[str, Any]]) -> None:
    index, state, eager_text = 0, "initial", None
    for turn in turns:
        name = turn["event"]
        assert turn["turn_index"] == index
        assert turn["transcript"] or name == "Update"
        assert (name == "StartOfTurn") == (state == "initial" and name != "Update")
        assert name != "TurnResumed" or state == "awaiting"
        assert name != "EagerEndOfTurn" or state == "ongoing"
        if name == "EndOfTurn" and state == "awaiting":
            assert turn["transcript"] == eager_text
        state = {
            "StartOfTurn": "ongoing",
            "TurnResumed": "ongoing",
            "EagerEndOfTurn": "awaiting",
            "EndOfTurn": "initial",
        }.get(name, state)
        eager_text = turn["transcript"] if name == "EagerEndOfTurn" else eager_text
        index += name == "EndOfTurn"
