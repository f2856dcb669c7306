"""What is said becomes segments, on either endpoint, to the last word."""

from __future__ import annotations

import pytest

from speechwire.cli._segments import NovaHearing, Segment, SpokenWord, TurnHearing
from speechwire.protocol import listen_v1_events as nova
from speechwire.protocol import listen_v2_events as flux
from speechwire.session import Reconnected


def results(text: str, start: float, *, final: bool = False, ended: bool = False) -> nova.Results:
    words = tuple(
        nova.Word(word=word.lower(), punctuated_word=word, start=start + 0.1 * n, end=start + 0.1 * n + 0.1)
        for n, word in enumerate(text.split())
    )
    alternative = nova.Alternative(transcript=text, confidence=0.9, words=words)
    channel = nova.Channel(alternatives=(alternative,))
    return nova.Results(channel=channel, start=start, duration=0.5, is_final=final, speech_final=ended)


def turn(event: str, text: str, *, timed: bool = True) -> flux.TurnInfo:
    words = tuple(
        flux.Word(word=word, start=1 + 0.1 * n if timed else None, end=1.1 + 0.1 * n if timed else None)
        for n, word in enumerate(text.split())
    )
    return flux.TurnInfo(
        event=event,
        turn_index=0,
        audio_window_start=0.5,
        audio_window_end=3.0,
        transcript=text,
        words=words,
    )


def test_an_utterance_is_told_once_when_it_has_ended() -> None:
    hearing = NovaHearing()
    assert hearing.receive(results("Two tickets", 0.0)) == []
    assert hearing.partial == "Two tickets"
    assert hearing.receive(results("Two tickets", 0.0, final=True)) == []
    (segment,) = hearing.receive(results("to Oslo.", 0.5, final=True, ended=True))
    assert (segment.text, segment.start_s) == ("Two tickets to Oslo.", 0.0)
    assert [word.text for word in segment.words] == ["Two", "tickets", "to", "Oslo."]
    assert (hearing.partial, hearing.close()) == ("", [])


def test_what_is_open_at_the_end_is_not_lost() -> None:
    hearing = NovaHearing()
    hearing.receive(results("Two tickets", 0.0, final=True))
    hearing.receive(results("to", 0.5))
    assert [segment.text for segment in hearing.close()] == ["Two tickets to"]
    turns = TurnHearing()
    turns.receive(turn("Update", "By"))
    assert [segment.text for segment in turns.close()] == ["By"]
    assert turns.close() == []


def test_a_turn_is_told_once_when_it_has_ended() -> None:
    hearing = TurnHearing()
    told = [
        hearing.receive(turn(event, "By train.")) for event in ("StartOfTurn", "EagerEndOfTurn", "Update")
    ]
    assert told == [[], [], []]
    assert hearing.partial == "By train."
    (segment,) = hearing.receive(turn("EndOfTurn", "By train."))
    assert segment.start_s == 1.0
    assert segment.end_s == pytest.approx(1.2)
    assert segment.words[0] == SpokenWord("By", 1.0, 1.1, 0.0)
    assert (hearing.partial, hearing.close()) == ("", [])


def test_a_turn_without_word_times_keeps_its_window() -> None:
    assert TurnHearing().receive(turn("EndOfTurn", "By train.", timed=False)) == [
        Segment("By train.", 0.5, 3.0)
    ]


def test_silence_is_no_turn() -> None:
    hearing = TurnHearing()
    hearing.receive(turn("Update", ""))
    assert hearing.close() == []


@pytest.mark.parametrize("hearing", [NovaHearing(), TurnHearing()], ids=["nova", "flux"])
def test_other_events_are_nothing_said(hearing: NovaHearing | TurnHearing) -> None:
    assert hearing.receive(Reconnected(request_id=None, replayed_s=0.0)) == []
