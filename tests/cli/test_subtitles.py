"""Subtitles that players read and people can follow."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.cli._segments import Segment, SpokenWord
from speechwire.cli._subtitles import cues, srt, timestamp, vtt


def spoken(*words: tuple[str, float, float]) -> Segment:
    said = tuple(SpokenWord(text, start_s, end_s, 0.9) for text, start_s, end_s in words)
    return Segment(" ".join(word.text for word in said), said[0].start_s, said[-1].end_s, said)


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    now_s, result = 0.0, []
    for _ in range(draw(st.integers(0, 4))):
        words = []
        for _ in range(draw(st.integers(1, 30))):
            start_s = now_s + draw(st.sampled_from([0.0, 0.1, 3.0]))
            now_s = start_s + draw(st.sampled_from([0.0, 0.2, 1.5]))
            words.append((draw(st.text("abc", min_size=1, max_size=12)), start_s, now_s))
        result.append(spoken(*words))
    return result


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
def test_cues_can_be_read(said: list[Segment]) -> None:
    for cue in cues(said):
        assert len(cue.text) <= 84
        assert cue.end_s - cue.start_s <= 7.0 + 1e-9


def test_subrip() -> None:
    said = [spoken(("Two", 0.5, 0.7), ("tickets.", 0.7, 1.25)), Segment("No times.", 2.0, 3.0)]
    assert srt(said) == (
        "1\n00:00:00,500 --> 00:00:01,250\nTwo tickets.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo times.\n"
    )


def test_a_cue_gives_way_to_the_next() -> None:
    # The service's times are 32-bit floats, and a late segment may be told first.
    made = cues([Segment("second", 1.0, 2.0), Segment("first", 0.0, 1.2)])
    assert [(cue.text, cue.start_s, cue.end_s) for cue in made] == [("first", 0.0, 1.0), ("second", 1.0, 2.0)]


def test_webvtt_escapes_its_own_marks() -> None:
    assert vtt([Segment("a <b> & c", 0, 1)]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b&gt; &amp; c\n"
    )


def test_nothing_said_is_still_a_file() -> None:
    assert (srt([]), vtt([])) == ("", "WEBVTT\n")


def test_long_text_is_broken_into_two_lines() -> None:
    words = [(f"word{number:02}", number * 0.2, number * 0.2 + 0.2) for number in range(12)]
    (lines,) = [block.splitlines()[2:] for block in srt([spoken(*words)]).split("\n\n")]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 42
