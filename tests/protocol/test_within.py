"""Times of events are kept within what was sent; events that are already are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2
from speechwire.protocol._within import all_within, results_within, turn_within

Times = tuple[float | None, float | None]


def words(*times: Times) -> tuple[v1.Word, ...]:
    made: list[Any] = [{"word": "w", "start": start, "end": end} for start, end in times]
    return tuple(v1.Word(**each) for each in made)


@pytest.mark.parametrize(
    ("times", "within"),
    [
        ([], True),
        ([(0.0, 1.0), (1.0, 2.0)], True),
        ([(1.0, 1.0)], True),
        ([(0.0, 2.01)], False),
        ([(0.0, 1.0), (1.5, 1.4)], False),
        ([(None, None), (0.0, 2.0)], True),
        ([(0.5, None), (None, 1.0)], True),
        ([(2.5, None)], False),
        ([(None, None), (0.0, 2.5)], False),
        ([(None, None), (1.5, 1.0)], False),
    ],
)
def test_whether_all_words_lie_within(times: list[Times], within: bool) -> None:
    assert all_within(words(*times), 2.0) is within


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ((0.5, 1.5), (0.5, 1.5)),
        ((0.5, 2.5), (0.5, 2.0)),
        ((2.5, 3.5), (2.0, 2.0)),
        ((1.5, 1.0), (1.5, 1.5)),
        ((None, 2.5), (None, 2.0)),
        ((2.5, None), (2.0, None)),
    ],
)
def test_a_word_ends_where_the_audio_does_and_begins_before_it(given: Times, kept: Times) -> None:
    alternatives = tuple(
        v1.Alternative(transcript="", words=each) for each in (words(given, (0.0, 0.1)), words(given))
    )
    result = results_within(v1.Results(channel=v1.Channel(alternatives=alternatives), duration=2.0), 2.0)
    for alternative in result.channel.alternatives:
        assert (alternative.words[0].start, alternative.words[0].end) == kept
    assert [len(alternative.words) for alternative in result.channel.alternatives] == [2, 1]


@pytest.mark.parametrize(
    ("given", "kept"),
    [((0.5, 1.5), (0.5, 1.5)), ((0.5, 2.5), (0.5, 1.5)), ((1.5, 0.2), (1.5, 0.2)), ((2.5, 1.0), (2.0, 0.0))],
)
def test_a_result_ends_where_the_audio_does(given: tuple[float, float], kept: tuple[float, float]) -> None:
    channel = v1.Channel(alternatives=(v1.Alternative(transcript="text"),))
    made = v1.Results(channel=channel, start=given[0], duration=given[1], is_final=True)
    result = results_within(made, 2.0)
    assert (result.start, result.duration, result.is_final, result.transcript) == (*kept, True, "text")


@pytest.mark.parametrize(
    ("given", "kept"),
    [((0.5, 1.5), (0.5, 1.5)), ((0.5, 2.5), (0.5, 2.0)), ((2.5, 3.0), (2.0, 2.0)), ((1.5, 1.0), (1.0, 1.0))],
)
def test_a_turn_ends_where_the_audio_does(given: tuple[float, float], kept: tuple[float, float]) -> None:
    turn = v2.TurnInfo(
        event="Update",
        turn_index=3,
        audio_window_start=given[0],
        audio_window_end=given[1],
        transcript="text",
        words=(v2.Word(word="w", start=1.0, end=2.5),),
    )
    within = turn_within(turn, 2.0)
    assert (within.audio_window_start, within.audio_window_end) == kept
    assert (within.turn_index, within.transcript) == (3, "text")
    assert [(word.start, word.end) for word in within.words] == [(1.0, 2.0)]
