"""When words are heard: in order, each once, within the audio, and better the more was spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import InvalidArgument
from speechwire.session.word_times import SpeakingRate, WordTimes

texts = st.lists(st.text("abcdefgh.,!", min_size=1, max_size=12), min_size=1, max_size=30).map(" ".join)


@given(text=texts, cuts=st.lists(st.floats(0.001, 1.0), max_size=20), start_s=st.floats(0.0, 100.0))
def test_every_word_is_told_once_in_order(text: str, cuts: list[float], start_s: float) -> None:
    times, heard_s, told = WordTimes(text, SpeakingRate(), start_s), 0.0, []
    for cut in cuts:
        heard_s += cut
        told += times.advance(heard_s)
    told += times.finish(heard_s)
    assert [word for word, _ in told] == text.split()
    begins = [at_s for _, at_s in told]
    assert begins == sorted(begins)
    assert begins[0] == start_s


@given(text=texts, length_s=st.floats(0.1, 60.0))
def test_words_told_at_the_end_lie_within_the_audio(text: str, length_s: float) -> None:
    for _, at_s in WordTimes(text, SpeakingRate()).finish(length_s):
        assert 0.0 <= at_s < length_s


@given(characters_per_s=st.floats(8.0, 25.0))
def test_a_voice_is_learnt_from_what_it_has_spoken(characters_per_s: float) -> None:
    rate = SpeakingRate()
    for _ in range(20):
        rate.learn(100, 100 / characters_per_s)
    assert rate.characters_per_s == pytest.approx(characters_per_s, rel=0.02)


def test_what_is_learnt_weighs_half_after_a_minute() -> None:
    assert SpeakingRate().characters_per_s == 15.0
    rate = SpeakingRate(10.0)
    rate.learn(30, 60.0)
    assert rate.characters_per_s == pytest.approx((10.0 / 2 + 30) / (1.0 / 2 + 60))


def test_a_text_teaches_its_voice_when_it_ends() -> None:
    rate = SpeakingRate(10.0)
    times = WordTimes("one two", rate)
    times.advance(0.1)
    assert rate.characters_per_s == 10.0
    assert times.finish(60.0) == [("two", 30.0)]
    assert rate.characters_per_s == pytest.approx((10.0 / 2 + 8) / (1.0 / 2 + 60))


def test_little_is_no_nothing() -> None:
    rate = SpeakingRate(0.5)
    rate.learn(1, 0.5)
    assert rate.characters_per_s == pytest.approx((0.5 * 60 / 60.5 + 1) / (60 / 60.5 + 0.5))
    assert WordTimes("one two", rate).finish(0.8) == [("one", 0.0), ("two", 0.4)]


def test_a_word_begins_no_earlier_than_the_one_before() -> None:
    times = WordTimes("one two three", SpeakingRate(1.0), 5.0)
    assert times.advance(4.5) == [("one", 5.0), ("two", 9.0)]
    assert times.finish(1.0) == [("three", 9.0)], "the voice was faster than was thought"


def test_a_word_that_begins_where_the_audio_ends_has_not_begun() -> None:
    times = WordTimes("one two", SpeakingRate(10.0))
    assert times.advance(0.0) == []
    assert times.advance(0.4) == [("one", 0.0)]


def test_no_word_is_told_before_the_audio_reaches_it() -> None:
    times = WordTimes("one two three four", SpeakingRate(10.0))
    assert times.advance(0.35) == [("one", 0.0)]
    assert times.advance(0.45) == [("two", 0.4)]
    words, begins = zip(*times.finish(2.0), strict=True)
    assert words == ("three", "four")
    assert begins == pytest.approx((8 / 19 * 2, 14 / 19 * 2))


def test_a_text_without_audio_is_told_all_the_same() -> None:
    assert WordTimes("one two", SpeakingRate(), 3.0).finish(0.0) == [("one", 3.0), ("two", 3.0)]


def test_nothing_teaches_nothing() -> None:
    rate = SpeakingRate(12.0)
    rate.learn(0, 1.0)
    rate.learn(5, 0.0)
    assert rate.characters_per_s == 12.0


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_rate_is_above_zero(value: float) -> None:
    with pytest.raises(InvalidArgument, match="^characters_per_s must be above 0, got "):
        SpeakingRate(value)
