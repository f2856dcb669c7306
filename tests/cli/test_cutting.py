"""Where subtitles are cut: what has room on two lines, to the letter, and what a cut costs."""

from __future__ import annotations

import pytest

from speechwire.cli._cutting import (
    LINE_CHARACTERS,
    _fits,
    _price,
    _unevenness,
    parts,
    two_lines,
    wanted_end_s,
)
from speechwire.cli._segments import Segment, SpokenWord
from speechwire.cli._subtitles import Cues

FULL = LINE_CHARACTERS
HALF = LINE_CHARACTERS // 2
REST = LINE_CHARACTERS - HALF - 1  # with the blank between them they fill a line


@pytest.mark.parametrize(
    ("lengths", "fits"),
    [
        ([FULL], True),
        ([FULL + 1], False),
        ([FULL, FULL], True),
        ([FULL, FULL, 1], False),
        ([HALF, REST], True),
        ([HALF, REST, HALF, REST], True),
        ([HALF, REST + 1, REST + 1], False),
        ([HALF, REST, HALF, REST + 1], False),
    ],
)
def test_what_two_lines_hold(lengths: list[int], fits: bool) -> None:
    assert _fits(lengths) is fits


def spoken(text: str, start_s: float = 0.0, end_s: float = 0.6) -> SpokenWord:
    return SpokenWord(text, start_s, end_s, 1.0)


@pytest.mark.parametrize(
    ("words", "characters", "pause_s", "price"),
    [
        (["one", "two"], 84, 0.1, 10.0),
        (["one", "two"], 100, 0.1, 10.0),
        (["one", "two"], 42, 0.1, 10.0 + 8.0 * 0.25),
        (["one", "two"], 21, 0.1, 10.0 + 8.0 * 0.5625),
        (["one"], 84, 0.1, 110.0),
        (["one", "two."], 84, 0.1, 5.0),
        (["one", "two,"], 84, 0.1, 8.0),
        (["one.", "two"], 84, 0.1, 10.0),
        (["one", "two"], 84, 0.4, 8.0),
        (["one", "two"], 84, 0.39, 10.0),
        (["one", "two"], 84, None, 10.0),
        (["one", "two."], 84, 0.5, 3.0),
    ],
)
def test_what_a_cue_costs(words: list[str], characters: int, pause_s: float | None, price: float) -> None:
    """A full one ten; a sentence, a clause or a pause at its end makes it cheaper, a single word dear."""
    following = None if pause_s is None else spoken("next", 0.6 + pause_s)
    assert _price([*map(spoken, words)], characters, following) == pytest.approx(price)


@pytest.mark.parametrize("mark", "…。！？.!?")
def test_a_sentence_ends_with_each_of_its_marks(mark: str) -> None:
    assert _price([spoken("one"), spoken("two" + mark)], 84, None) == 5.0


@pytest.mark.parametrize("mark", ",;:–—、，；：")
def test_a_clause_ends_with_each_of_its_marks(mark: str) -> None:
    assert _price([spoken("one"), spoken("two" + mark)], 84, None) == 8.0


@pytest.mark.parametrize(
    ("first", "second", "unevenness"),
    [
        ("one two", "three four", (False, 3, 7)),
        ("three four", "one two", (False, 3, 10)),
        ("one two,", "three four", (False, 2 - 16, 8)),
        ("one two.", "three four", (False, 2 - 16, 8)),
        ("one", "two three", (True, 6, 3)),
        ("one two", "three", (True, 2, 7)),
    ],
)
def test_how_uneven_two_lines_are(first: str, second: str, unevenness: tuple[bool, int, int]) -> None:
    assert _unevenness(first, second) == unevenness


@pytest.mark.parametrize(
    ("characters", "said_s", "shown_s"),
    [(1, 0.2, 1.0), (40, 0.2, 2.0), (40, 3.0, 3.0), (20, 0.2, 1.0), (400, 0.2, 7.0), (40, 9.0, 7.0)],
)
def test_how_long_a_cue_is_shown(characters: int, said_s: float, shown_s: float) -> None:
    part = Segment("x" * characters, 10.0, 10.0 + said_s)
    assert wanted_end_s(part) == pytest.approx(10.0 + shown_s)


def test_a_line_may_be_full_and_no_more() -> None:
    half = "x" * (FULL // 2)
    rest = "y" * (FULL - FULL // 2 - 1)
    line = f"{half} {rest}"
    assert two_lines([half, rest, half, rest]) == [line, line]
    assert two_lines([half, rest, half, rest + "y"]) is None
    assert two_lines([half, rest]) == [line]
    assert two_lines(["z" * 99]) == ["z" * 99]
    assert two_lines(["z" * 99, "a"]) is None
    assert two_lines(["aa", "b", "c", "dd" * 20]) == ["aa b", "c " + "dd" * 20], "no word alone"


def test_two_words_that_last_too_long_are_parted_and_one_is_not() -> None:
    words = (spoken("one", 0.0, 1.0), spoken("two", 6.5, 7.0), spoken("three", 7.0, 7.5))
    assert [part.text for part in parts(Segment("", 0.0, 7.5, words))] == ["one", "two three"]
    (whole,) = parts(Segment("", 0.0, 7.0, words[:2]))
    assert (whole.text, whole.start_s, whole.end_s) == ("one two", 0.0, 7.0)
    (alone,) = parts(Segment("", 0.0, 60.0, (spoken("one", 0.0, 60.0),)))
    assert alone.end_s == 60.0


def test_a_cue_that_another_hides_is_there_for_a_moment() -> None:
    cues = Cues(prefixed=False)
    made = [*cues.add(Segment("first", 1.0, 2.0)), *cues.add(Segment("second", 1.0, 2.0)), *cues.close()]
    assert [(cue.text, cue.start_s, cue.end_s) for cue in made] == [
        ("first", 1.0, 1.001),
        ("second", 1.0, 2.0),
    ]
