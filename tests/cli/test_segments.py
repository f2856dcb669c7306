"""What is said becomes segments, on either endpoint, to the last word."""

from __future__ import annotations

import pytest

from speechwire.cli._segments import ListenV1Hearing, ListenV2Hearing, Segment, SpokenWord
from speechwire.protocol import listen_v1_events as nova
from speechwire.protocol import listen_v2_events as flux
from speechwire.session import Reconnected


def results(
    text: str,
    start: float,
    *,
    final: bool = False,
    ended: bool = False,
    channel: tuple[int, int] = (0, 1),
    speakers: str = "",
) -> nova.Results:
    """Half a second, a word each tenth of it; ``speakers`` has a digit for each word."""
    words = tuple(
        nova.Word(
            word=word.lower(),
            punctuated_word=word,
            start=start + 0.1 * n,
            end=start + 0.1 * n + 0.1,
            speaker=int(speakers[n]) if speakers else None,
        )
        for n, word in enumerate(text.split())
    )
    alternative = nova.Alternative(transcript=text, confidence=0.9, words=words)
    return nova.Results(
        channel=nova.Channel(alternatives=(alternative,)),
        start=start,
        duration=0.5,
        is_final=final,
        speech_final=ended,
        channel_index=channel,
    )


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
    hearing = ListenV1Hearing()
    assert hearing.receive(results("Two tickets", 0.0)) == []
    assert hearing.partial == "Two tickets"
    assert hearing.receive(results("Two tickets", 0.0, final=True)) == []
    (segment,) = hearing.receive(results("to Oslo.", 0.5, final=True, ended=True))
    assert (segment.text, segment.start_s) == ("Two tickets to Oslo.", 0.0)
    assert [word.text for word in segment.words] == ["Two", "tickets", "to", "Oslo."]
    assert (hearing.partial, hearing.close()) == ("", [])


def test_what_is_open_at_the_end_is_not_lost() -> None:
    hearing = ListenV1Hearing()
    hearing.receive(results("Two tickets", 0.0, final=True))
    hearing.receive(results("to", 0.5))
    assert [segment.text for segment in hearing.close()] == ["Two tickets to"]
    turns = ListenV2Hearing()
    turns.receive(turn("Update", "By"))
    assert [segment.text for segment in turns.close()] == ["By"]
    assert turns.close() == []


def test_a_turn_is_told_once_when_it_has_ended() -> None:
    hearing = ListenV2Hearing()
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
    assert ListenV2Hearing().receive(turn("EndOfTurn", "By train.", timed=False)) == [
        Segment("By train.", 0.5, 3.0)
    ]


def test_an_utterance_is_cut_where_another_speaker_begins() -> None:
    hearing = ListenV1Hearing(diarize=True)
    said = hearing.receive(results("Two tickets. To where?", 1.0, final=True, ended=True, speakers="0011"))
    assert [(part.text, part.speaker, part.channel) for part in said] == [
        ("Two tickets.", 0, None),
        ("To where?", 1, None),
    ]
    assert [part.start_s for part in said] == pytest.approx([1.0, 1.2])
    assert [part.end_s for part in said] == pytest.approx([1.2, 1.4])
    assert [part.label for part in said] == ["speaker 0", "speaker 1"]


def test_speakers_are_not_named_unless_it_was_asked_for() -> None:
    said = ListenV1Hearing().receive(results("Two. To?", 1.0, final=True, ended=True, speakers="01"))
    assert [(part.text, part.label) for part in said] == [("Two. To?", "")]


def test_channels_are_told_in_the_order_in_which_they_began_to_speak() -> None:
    hearing = ListenV1Hearing(2, multichannel=True)
    assert hearing.receive(results("Two", 0.0, channel=(0, 2))) == []
    assert hearing.receive(results("Yes.", 0.6, final=True, ended=True, channel=(1, 2))) == []
    said = hearing.receive(results("Two tickets.", 0.0, final=True, ended=True, channel=(0, 2)))
    assert [(part.text, part.label) for part in said] == [("Two tickets.", "channel 0")]
    said = hearing.receive(results("", 0.6, final=True, channel=(0, 2)))
    assert [(part.text, part.label) for part in said] == [("Yes.", "channel 1")]
    assert hearing.close() == []


def test_a_silent_channel_holds_nobody_up() -> None:
    hearing = ListenV1Hearing(2, multichannel=True)
    hearing.receive(results("", 0.0, channel=(1, 2)))
    hearing.receive(results("", 1.0, channel=(1, 2)))
    said = hearing.receive(results("Yes.", 0.5, final=True, ended=True, channel=(0, 2)))
    assert [part.text for part in said] == ["Yes."]


@pytest.mark.parametrize("channel", [0, 1])
def test_at_the_end_all_channels_are_told_in_order(channel: int) -> None:
    hearing = ListenV1Hearing(2, multichannel=True)
    hearing.receive(results("late", 2.0, channel=(channel, 2)))
    hearing.receive(results("early", 1.0, channel=(1 - channel, 2)))
    assert [part.text for part in hearing.close()] == ["early", "late"]


def test_how_far_results_have_come() -> None:
    hearing, turns = ListenV1Hearing(), ListenV2Hearing()
    hearing.receive(results("", 3.0))
    hearing.receive(results("", 2.0))
    turns.receive(turn("Update", ""))
    assert (hearing.heard_s, turns.heard_s) == (3.5, 3.0)


def test_silence_is_no_turn() -> None:
    hearing = ListenV2Hearing()
    hearing.receive(turn("Update", ""))
    assert hearing.close() == []


@pytest.mark.parametrize(
    ("hearing", "interim"),
    [
        (ListenV1Hearing(), results("Two tickets", 1.0)),
        (ListenV2Hearing(), turn("Update", "Two tickets")),
    ],
    ids=["nova", "flux"],
)
def test_other_events_are_nothing_said(hearing: ListenV1Hearing | ListenV2Hearing, interim: object) -> None:
    """What is being said stays as it was."""
    hearing.receive(interim)
    heard_s = hearing.heard_s
    assert hearing.receive(Reconnected(request_id=None, replayed_s=0.0)) == []
    assert (hearing.partial, hearing.heard_s) == ("Two tickets", heard_s)
