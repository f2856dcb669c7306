"""What is read from the messages of a call: transcripts, texts to speak, interruptions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from speechwire.emulator._seen import finals, interruptions, plain, texts_to_speak
from speechwire.emulator.journal import Connection, Journal

Told = tuple[float, str, Any]  # when, by whom, and what: the name of a message, or all of it

SPEECH: list[Told] = [(1.0, "client", "Speak"), (1.1, "client", "Flush")]
STOP: Told = (2.5, "client", "Clear")
CALLER: list[Told] = [(2.0, "server", "StartOfTurn"), (4.0, "server", "EndOfTurn")]


def message(told: Any) -> Any:
    if not isinstance(told, str):
        return told
    return {"type": "TurnInfo", "event": told} if "Turn" in told else {"type": told}


def results(transcript: str, **fields: Any) -> dict[str, Any]:
    return {"type": "Results", "channel": {"alternatives": [{"transcript": transcript}]}} | fields


def of_call(
    monkeypatch: pytest.MonkeyPatch, ears: list[Told], mouth: list[Told], version: str = "v1"
) -> list[Connection]:
    """The connections on which these messages were exchanged at these times."""
    journal, clock = Journal(), [0.0]
    monkeypatch.setattr("speechwire.emulator.journal.time.monotonic", lambda: clock[0])
    for endpoint, told in (("/v2/listen", ears), (f"/{version}/speak", mouth)):
        connection = journal.arrive(endpoint, [], {})
        for clock[0], who, what in told:
            if what == "hang up":
                journal.closed(connection, who, 1000, "")
            else:
                note = journal.text if who == "client" else journal.message
                note(connection, json.dumps(message(what)))
    return journal.connections


@pytest.mark.parametrize(
    ("ears", "mouth", "after_s"),
    [
        (CALLER, [*SPEECH, STOP], [0.5]),
        (CALLER, [*SPEECH, (2.5, "client", "Interrupt")], [0.5]),
        (CALLER, [*SPEECH, (2.5, "client", "hang up")], [0.5]),
        (CALLER, [*SPEECH, (2.5, "server", "hang up")], []),
        (CALLER, [*SPEECH, (1.5, "client", "Clear")], []),
        (CALLER, [*SPEECH, (1.9, "server", "Flushed"), STOP], []),
        (CALLER, [*SPEECH, (1.9, "server", "Flushed"), (2.5, "client", "hang up")], []),
        (CALLER, [(2.1, "client", "Speak"), STOP], []),
        (CALLER, [(2.0, "client", "Speak"), STOP], []),
        (CALLER, [*SPEECH, (2.0, "client", "Clear")], [0.0]),
        ([*CALLER, (5.0, "server", "StartOfTurn")], [*SPEECH, (5.5, "client", "Clear")], [3.5]),
        (
            [*CALLER, (5.0, "server", "StartOfTurn")],
            [(4.5, "client", "Speak"), (5.5, "client", "Clear")],
            [0.5],
        ),
        ([], [*SPEECH, STOP], []),
        (CALLER, [(1.1, "client", "Flush"), STOP], []),
        (CALLER, [(1.0, "client", "Speak"), (1.2, "client", "some text"), STOP], [0.5]),
        (CALLER, [*SPEECH, (1.2, "client", "Speak"), (1.9, "server", "Flushed"), STOP], [0.5]),
        (CALLER, [*SPEECH, (1.2, "client", "Clear"), STOP], []),
        (
            CALLER,
            [*SPEECH, (2.2, "client", "Clear"), (2.3, "client", "Speak"), (3.0, "client", "Clear")],
            [0.2],
        ),
        (CALLER, [(0.9, "server", "Flushed"), *SPEECH, STOP], [0.5]),
    ],
    ids=[
        "Clear",
        "Interrupt",
        "hung up",
        "ended by the service",
        "before the caller speaks",
        "nothing to stop any more",
        "hung up with nothing to stop",
        "speech that began during the turn",
        "speech that began with the turn",
        "at once",
        "only at the second turn",
        "the second turn",
        "nobody speaks",
        "a flush of nothing",
        "what is no message is none",
        "a second text is under way",
        "stopped before",
        "stopped once",
        "an answer to nothing",
    ],
)
def test_what_counts_as_an_interruption(
    monkeypatch: pytest.MonkeyPatch, ears: list[Told], mouth: list[Told], after_s: list[float]
) -> None:
    assert interruptions(of_call(monkeypatch, ears, mouth)) == pytest.approx(after_s)


@pytest.mark.parametrize(
    ("ears", "after_s"),
    [
        ([(2.0, "server", "SpeechStarted")], [0.5]),
        ([(2.0, "server", results("hello"))], [0.5]),
        ([(2.0, "server", results(""))], []),
        ([(2.0, "server", {"type": "Results"})], []),
        ([(2.0, "server", {"type": "Results", "channel": {"alternatives": []}})], []),
        ([(2.0, "server", {"type": "Novelty"} | results("hello") | {"type": "Novelty"})], []),
        ([(2.0, "client", "SpeechStarted")], []),
        ([(1.5, "client", "KeepAlive"), (2.0, "server", "SpeechStarted")], [0.5]),
        ([(2.0, "server", "junk")], []),
        ([(0.5, "server", "SpeechStarted"), (2.0, "server", results("hello"))], []),
        (
            [
                (0.5, "server", "SpeechStarted"),
                (0.7, "server", "UtteranceEnd"),
                (2.0, "server", "SpeechStarted"),
            ],
            [0.5],
        ),
        ([(0.5, "server", results("a")), (0.7, "server", "EndOfTurn"), (2.0, "server", results("b"))], [0.5]),
        ([(0.5, "server", results("a", speech_final=True)), (2.0, "server", results("b"))], [0.5]),
        ([(2.0, "server", results("a", speech_final=True)), (2.2, "server", results("b"))], [0.3]),
        ([(2.0, "server", results("a")), (2.3, "server", results("b"))], [0.5]),
    ],
)
def test_what_tells_an_agent_that_the_caller_has_begun(
    monkeypatch: pytest.MonkeyPatch, ears: list[Told], after_s: list[float]
) -> None:
    assert interruptions(of_call(monkeypatch, ears, [*SPEECH, STOP])) == pytest.approx(after_s)


@pytest.mark.parametrize(
    ("version", "kind", "after_s"),
    [
        ("v1", "Flushed", []),
        ("v1", "SpeechMetadata", [0.5]),
        ("v2", "SpeechMetadata", []),
        ("v2", "Flushed", [0.5]),
    ],
)
def test_what_ends_a_speech(
    monkeypatch: pytest.MonkeyPatch, version: str, kind: str, after_s: list[float]
) -> None:
    mouth: list[Told] = [*SPEECH, (1.9, "server", kind), STOP]
    assert interruptions(of_call(monkeypatch, CALLER, mouth, version)) == pytest.approx(after_s)


def test_final_transcripts_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = {"type": "TurnInfo", "transcript": "One."}
    told = [
        turn | {"event": "Update"},
        turn | {"event": "EndOfTurn"},
        results("tw", is_final=False),
        results("two", is_final=True),
        results("", is_final=True),
        {"type": "Results", "is_final": True},
        turn | {"type": "Novelty", "event": "EndOfTurn"},
        "junk",
    ]
    ears: list[Told] = [(float(at_s), "server", what) for at_s, what in enumerate(told)]
    mouth: list[Told] = [(0.0, "server", results("spoken", is_final=True))]
    assert finals(of_call(monkeypatch, ears, mouth)) == ["One.", "two"]


def test_texts_to_speak_are_what_stands_between_other_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        *map(_speak, ("You said: ", "two.")),
        {"type": "Flush"},
        {"type": "Flush"},
        _speak("I see"),
        "junk",
    ]
    told += [{"type": "Speak"}, _speak(" to it"), {"type": "Clear"}, _speak("Bye.")]
    mouth: list[Told] = [(float(at_s), "client", what) for at_s, what in enumerate(told)]
    ears: list[Told] = [(0.0, "client", _speak("heard"))]
    expected = ["You said: two.", "I see", " to it", "Bye."]
    assert texts_to_speak(of_call(monkeypatch, ears, mouth)) == expected


def _speak(text: str) -> dict[str, Any]:
    return {"type": "Speak", "text": text}


def test_words_have_no_case_and_no_punctuation() -> None:
    assert plain("I'm -- here: 2 Tickets, PLEASE!") == ["i'm", "here", "2", "tickets", "please"]
