"""Subtitles that players read and people can follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speechwire.cli._cutting import parts, two_lines
from speechwire.cli._segments import Segment, SpokenWord
from speechwire.cli._subtitles import Cues, timestamp
from speechwire.cli._transcript import Transcript, rendering

LONG = (
    "Good morning, I would like to know whether there is still a table for four people by the window this"
    " evening, and at what time your kitchen closes. My grandmother does not see well. She needs some light!"
)


def spoken(*words: tuple[str, float, float], channel: int | None = None) -> Segment:
    said = tuple(SpokenWord(text, start_s, end_s, 0.9) for text, start_s, end_s in words)
    return Segment(" ".join(word.text for word in said), said[0].start_s, said[-1].end_s, said, channel)


def read_aloud(text: str, start_s: float = 0.0, word_s: float = 0.3) -> Segment:
    """Words without a pause, each as long as the others."""
    words = text.split()
    times = [start_s + word_s * place for place in range(len(words) + 1)]
    return spoken(*zip(words, times[:-1], times[1:], strict=True))


def rendered(format: str, segments: Sequence[Segment]) -> str:
    """The file that a format makes of these segments, told one by one."""
    writer = rendering(format)
    text = "".join(writer.add(segment) for segment in segments)
    return text + writer.end(Transcript("in.wav", segments=list(segments)))


def cues(segments: Sequence[Segment]) -> list[Segment]:
    """All cues of segments that are told in the order in which they began."""
    cutting = Cues(prefixed=False)
    told = sorted(segments, key=lambda segment: segment.start_s)
    return [*(cue for segment in told for cue in cutting.add(segment)), *cutting.close()]


def lines_of(subrip: str) -> list[list[str]]:
    """The text lines of each cue."""
    return [block.splitlines()[2:] for block in subrip.split("\n\n") if block]


def moved(segment: Segment, by_s: float) -> Segment:
    words = tuple(replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s) for w in segment.words)
    return replace(segment, start_s=segment.start_s + by_s, end_s=segment.end_s + by_s, words=words)


def fewest(words: Sequence[str]) -> list[list[str]]:
    """Cues filled up one after the other: no way of cutting has fewer."""
    filled: list[list[str]] = [[]]
    for word in words:
        if filled[-1] and two_lines([*filled[-1], word]) is None:
            filled.append([])
        filled[-1].append(word)
    return filled


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """Told as a hearing tells them: in the order in which they began."""
    now_s, result = 0.0, []  # in fractions that floats hold exactly
    for _ in range(draw(st.integers(0, 4))):
        words = []
        for _ in range(draw(st.integers(1, 30))):
            start_s = now_s + draw(st.sampled_from([0.0, 0.125, 3.0]))
            now_s = start_s + draw(st.sampled_from([0.0, 0.25, 1.5]))
            words.append((draw(st.text("abc.,", min_size=1, max_size=12)), start_s, now_s))
        result.append(spoken(*words))
    return result


sentences = st.lists(st.text("abcdefg", min_size=1, max_size=12), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00,000"),
        (1.2345, "00:00:01,234"),
        (59.9996, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360_000.5, "100:00:00,500"),
        (-0.01, "00:00:00,000"),
    ],
)
def test_timestamps(seconds: float, text: str) -> None:
    assert timestamp(seconds, ",") == text


@given(st.floats(0, 1e6))
def test_a_timestamp_is_within_half_a_millisecond(seconds: float) -> None:
    hours, minutes, rest = timestamp(seconds, ".").split(":")
    assert re.fullmatch(r"\d\d\.\d\d\d", rest)
    assert int(minutes) < 60
    assert float(rest) < 60
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(seconds, abs=0.00051)


@given(segments())
def test_cues_hold_every_word_once_in_order_and_never_overlap(said: list[Segment]) -> None:
    made = cues(said)
    assert " ".join(cue.text for cue in made).split() == [w.text for s in said for w in s.words]
    assert all(cue.start_s < cue.end_s for cue in made)
    assert all(before.end_s <= after.start_s + 0.001 for before, after in pairwise(made))


@given(segments())
def test_cues_have_two_lines_of_42_and_seven_seconds(said: list[Segment]) -> None:
    for cue, lines in zip(cues(said), lines_of(rendered("srt", said)), strict=True):
        assert len(lines) <= 2
        assert max(map(len, lines)) <= 42
        assert cue.end_s - cue.start_s <= 7.0 + 1e-9


@given(segments())
def test_a_cue_stays_long_enough_to_be_read_if_there_is_time(said: list[Segment]) -> None:
    made = cues(said)
    for cue, after in pairwise([*made, Segment("", 1e9, 1e9)]):
        wanted_s = max(1.0, min(len(cue.text) / 20, 7.0))
        assert cue.end_s >= min(cue.start_s + wanted_s, after.start_s) - 1e-9


@given(sentences)
def test_flowing_speech_is_cut_into_as_few_cues_as_possible_and_none_of_one_word(words: list[str]) -> None:
    made = cues([read_aloud(" ".join(words), word_s=0.1)])
    few = fewest(words)
    alone = len(words) > 1 and any(len(cue) == 1 for cue in few)
    assert len(made) <= len(few) + alone
    assert len(words) == 1 or all(" " in cue.text for cue in made)


@given(st.lists(st.text("abcdefg", min_size=1, max_size=41), min_size=1, max_size=5))
@example(["x" * 38, "a", "b", "y" * 35])
def test_no_other_break_makes_the_lines_more_even(words: list[str]) -> None:
    lines = two_lines(words)
    pairs = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    fitting = [pair for pair in pairs if max(map(len, pair)) <= 42]
    if len(" ".join(words)) <= 42 or len(words) == 1:
        assert lines == [" ".join(words)]
    elif not fitting:
        assert lines is None
    else:
        assert lines is not None
        decent = [pair for pair in fitting if all(" " in line for line in pair)] or fitting
        assert abs(len(lines[0]) - len(lines[1])) == min(abs(len(a) - len(b)) for a, b in decent)


@given(said=segments(), by_s=st.sampled_from([59.0, 3_600.0, 36_000.0]))
def test_when_it_is_said_makes_no_difference_to_how_it_is_cut(said: list[Segment], by_s: float) -> None:
    later = cues([moved(segment, by_s) for segment in said])
    assert [cue.text for cue in later] == [cue.text for cue in cues(said)]
    for cue, other in zip(cues(said), later, strict=True):
        assert (other.start_s, other.end_s) == pytest.approx((cue.start_s + by_s, cue.end_s + by_s))


def test_a_long_sentence_in_the_second_hour() -> None:
    assert rendered("srt", [read_aloud(LONG, 3_700.0)]) == (
        "1\n01:01:40,000 --> 01:01:44,500\n"
        "Good morning, I would like to know\nwhether there is still a table for four\n"
        "\n2\n01:01:44,500 --> 01:01:48,400\n"
        "people by the window this evening,\nand at what time your kitchen closes.\n"
        "\n3\n01:01:48,400 --> 01:01:51,400\n"
        "My grandmother does not see well.\nShe needs some light!\n"
    )


def test_a_sentence_is_preferred_to_a_full_cue() -> None:
    said = read_aloud(
        "We close at ten. The last bus to the city leaves half an hour after that from the square."
    )
    assert [cue.text for cue in cues([said])] == [
        "We close at ten.",
        "The last bus to the city leaves half an hour after that from the square.",
    ]


@pytest.mark.parametrize("mark", ".!?…。！？")
def test_every_mark_that_ends_a_sentence_is_one(mark: str) -> None:
    said = read_aloud(
        f"We close at ten{mark} The last bus to the city leaves half an hour after that from the square."
    )
    assert cues([said])[0].text == f"We close at ten{mark}"


@given(
    st.lists(
        st.text(
            st.characters(categories=("L", "N"), exclude_characters="一").filter(lambda it: it.isprintable()),
            min_size=1,
            max_size=9,
        ),
        min_size=1,
        max_size=40,
    )
)
@example([*(["late"] * 9), "TAX", *(["late"] * 18)])
def test_letters_and_digits_decide_nothing_but_the_length(words: list[str]) -> None:
    def shape(texts: list[str]) -> list[int]:
        return [len(cue.words) for cue in parts(read_aloud(" ".join(texts)))]

    assert shape(words) == shape(["a" * len(word) for word in words])


def test_a_sentence_of_one_word_is_put_with_others() -> None:
    said = read_aloud(
        "Yes. I would like to know whether you have some table for four people near a big window."
    )
    assert cues([said])[0].text.startswith("Yes. I would")
    assert len(cues([said])) == 2


def test_subrip_waits_for_the_reader() -> None:
    said = [spoken(("Two", 0.5, 0.7), ("tickets.", 0.7, 1.25)), Segment("No times.", 2.0, 3.0)]
    assert rendered("srt", said) == (
        "1\n00:00:00,500 --> 00:00:01,500\nTwo tickets.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo times.\n"
    )


def test_a_cue_gives_way_to_the_next() -> None:
    # The service's times are 32-bit floats, and a late segment may be told first.
    made = cues([Segment("second", 1.0, 2.0), Segment("first", 0.0, 1.2)])
    assert [(cue.text, cue.start_s, cue.end_s) for cue in made] == [("first", 0.0, 1.0), ("second", 1.0, 2.0)]


def test_who_speaks_at_the_same_time_is_not_cut_short() -> None:
    said = [spoken(("Hello", 0.0, 2.0), channel=0), spoken(("Hello", 0.5, 1.5), channel=1)]
    assert [(cue.start_s, cue.end_s, cue.channel) for cue in cues(said)] == [(0.0, 2.0, 0), (0.5, 1.5, 1)]


def test_a_segment_without_word_times_is_cut_as_well() -> None:
    made = parts(Segment(LONG, 10.0, 30.0))
    assert " ".join(part.text for part in made) == LONG
    assert made[0].start_s == 10.0
    assert made[-1].end_s == pytest.approx(30.0)
    assert len(made) == 3
    assert all(part.end_s == pytest.approx(after.start_s) for part, after in pairwise(made))


def test_a_word_longer_than_a_line_has_one_for_itself() -> None:
    word = "x" * 60
    assert lines_of(rendered("srt", [read_aloud(f"look at {word} please do")])) == [
        ["look at"],
        [word],
        ["please do"],
    ]


def test_a_cue_can_be_written_as_soon_as_nothing_can_change_it() -> None:
    writer = rendering("srt")
    assert writer.add(read_aloud("Two tickets to Oslo, please.", 0.0)) == ""
    assert writer.add(read_aloud("By train.", 5.0)).startswith("1\n00:00:00,000")
    assert writer.end(Transcript("in.wav")).startswith("\n2\n00:00:05,000")


def test_speakers_and_channels_are_named_in_each_format() -> None:
    segment = replace(read_aloud("Two tickets."), channel=1, speaker=0)
    assert rendered("text", [segment]) == "[channel 1, speaker 0] Two tickets.\n"
    assert lines_of(rendered("srt", [segment])) == [["[channel 1, speaker 0] Two tickets."]]
    assert rendered("vtt", [segment]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v channel 1, speaker 0>Two tickets.\n"
    )


def test_the_name_has_room_on_the_line() -> None:
    segment = replace(read_aloud(LONG), channel=1, speaker=0)
    made = lines_of(rendered("srt", [segment]))
    assert max(len(line) for lines in made for line in lines) <= 42
    assert all(lines[0].startswith("[channel 1, speaker 0] ") for lines in made)


def test_webvtt_escapes_its_own_marks() -> None:
    assert rendered("vtt", [Segment("a <b> & c", 0, 1)]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b&gt; &amp; c\n"
    )


def test_nothing_said_is_still_a_file() -> None:
    assert (rendered("srt", []), rendered("vtt", []), rendered("text", [])) == ("", "WEBVTT\n", "")
