"""Flux turn events become responses by one small table."""

from __future__ import annotations

import pytest
from videosdk.plugins.deepgram._turns import TurnTranslator

from speechwire.protocol.listen_v2_events import TurnInfo


def turn(event: str, transcript: str) -> TurnInfo:
    return TurnInfo(
        event=event, turn_index=0, audio_window_start=0.0, audio_window_end=1.0, transcript=transcript
    )


def said(*events: tuple[str, str], preemptive: bool = False) -> list[tuple[str, str] | None]:
    translator = TurnTranslator("flux-general-en", preemptive)
    responses = [translator.translate(turn(*event)) for event in events]
    return [None if each is None else (each.event_type.name, each.data.text) for each in responses]


def test_a_turn_without_preemptive_generation() -> None:
    events = [
        ("Update", ""),
        ("StartOfTurn", "Two"),
        ("Update", "Two tickets"),
        ("Update", "Two tickets"),
        ("EagerEndOfTurn", "Two tickets."),
        ("TurnResumed", "Two tickets to"),
        ("EndOfTurn", "Two tickets to Oslo."),
        ("Update", ""),
    ]
    assert said(*events) == [
        None,
        ("INTERIM", "Two"),
        ("INTERIM", "Two tickets"),
        ("INTERIM", "Two tickets"),
        ("INTERIM", "Two tickets."),
        ("INTERIM", "Two tickets to"),
        ("FINAL", "Two tickets to Oslo."),
        None,
    ]


def test_a_turn_with_preemptive_generation() -> None:
    events = [("StartOfTurn", "Two"), ("EagerEndOfTurn", "Two."), ("EndOfTurn", "Two.")]
    assert said(*events, preemptive=True) == [("INTERIM", "Two"), ("PREFLIGHT", "Two."), ("FINAL", "Two.")]


def test_only_a_resumed_turn_is_marked_and_only_where_it_was_announced() -> None:
    resumed = turn("TurnResumed", "Two tickets")
    for preemptive in (True, False):
        translator = TurnTranslator("flux-general-en", preemptive)
        translator.translate(turn("StartOfTurn", "Two"))
        response = translator.translate(resumed)
        assert response is not None
        assert response.metadata is not None
        assert response.metadata.get("turn_resumed", False) is preemptive


@pytest.mark.parametrize("text", ["", " ", "\n"])
@pytest.mark.parametrize("event", ["Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn", "SomethingNew"])
@pytest.mark.parametrize("preemptive", [True, False])
def test_a_blank_transcript_is_never_said(event: str, text: str, preemptive: bool) -> None:
    assert said(("StartOfTurn", "Two"), (event, text), preemptive=preemptive)[1] is None


def test_text_outside_of_a_turn_is_never_said() -> None:
    events = [("Update", "noise"), ("StartOfTurn", "Two"), ("EndOfTurn", "Two."), ("Update", "late")]
    assert said(*events) == [None, ("INTERIM", "Two"), ("FINAL", "Two."), None]


def test_an_event_of_the_future_inside_a_turn_is_an_interim() -> None:
    assert said(("StartOfTurn", "Two"), ("TurnPondered", "Two tickets"))[1] == ("INTERIM", "Two tickets")
