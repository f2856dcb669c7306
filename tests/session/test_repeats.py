"""Which words of a replay have been delivered before."""

from __future__ import annotations

import pytest

from speechwire.session._repeats import LastWord

Word = tuple[float, float]


def last(*words: Word) -> LastWord:
    word = LastWord()
    for start, end in words:
        word.deliver(start, end)
    return word


@pytest.mark.parametrize(
    ("start", "end", "repeats"),
    [
        (0.0, 0.5, True),  # before it
        (1.0, 2.0, True),  # the same
        (1.0, 2.9, True),  # most of it before the end
        (1.0, 3.0, True),  # all of the last word is in it
        (1.5, 2.5, True),  # half of the last word is in it
        (1.6, 2.5, False),
        (2.0, 2.5, False),
        (0.5, 4.0, True),
    ],
)
def test_a_word_upon_the_last_one(start: float, end: float, repeats: bool) -> None:
    assert last((1.0, 2.0)).repeats(start, end) is repeats


def test_before_any_word_nothing_repeats() -> None:
    assert not last().repeats(0.0, 0.0)
    assert not last().repeats(-1.0, 0.0)


@pytest.mark.parametrize(
    "words", [[(1.0, 2.0), (0.0, 0.5)], [(1.0, 2.0), (1.5, 2.0)], [(0.0, 0.5), (1.0, 2.0)]]
)
def test_the_word_that_ends_last_counts(words: list[Word]) -> None:
    word = last(*words)
    assert (word.start, word.end) == (1.0, 2.0)


def test_new_words_are_left_as_they_are() -> None:
    def times(word: Word) -> Word:
        return word

    all_new = [(2.0, 2.5), (2.5, 3.0)]
    assert last((1.0, 2.0)).new(all_new, times) is all_new
    assert last((1.0, 2.0)).new([(1.1, 1.9), *all_new], times) == all_new
