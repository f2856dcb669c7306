"""The pieces of the offline engine that are functions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.audio import PcmPipeline
from speechwire.emulator._confidence import end_of_turn_confidence
from speechwire.emulator.engine import Word
from speechwire.emulator.offline import Voice, synthesize
from speechwire.emulator.offline._keyterms import favour
from speechwire.emulator.offline._packages import require
from speechwire.emulator.offline._text import present
from speechwire.errors import EngineUnavailable

from .speech import CALLER, word_errors


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(w, n / 2, n / 2 + 0.4, 0.8, w) for n, w in enumerate(text.split()))


def texts(of: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in of)


@pytest.mark.parametrize(
    ("best", "others", "terms", "expected"),
    [
        ("how much is that chicken", ["how much is the chicken"], ["the chicken"], "how much is the chicken"),
        ("to raise it", ["the <sil> train(2) it", "train it"], ["Train It"], "the train it"),
        ("a b", ["a c", "a d"], [], "a b"),
        ("a b", ["a c", "a d"], ["d", "c"], "a c"),
        ("a b", ["a c", "c d"], ["d", "c"], "c d"),
        ("a b", ["a c"], ["b"], "a b"),
        ("a b", ["b c"], ["b c d"], "a b"),
        ("a b", [""], [""], "a b"),
    ],
)  # fmt: skip
def test_keyterms_choose_among_what_was_likely(
    best: str, others: list[str], terms: list[str], expected: str
) -> None:
    assert texts(favour(words(best), others, terms)) == expected


sentences = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)


@settings(deadline=None)
@given(sentences, st.lists(sentences, max_size=4), st.lists(st.sampled_from("abcd"), max_size=2))
def test_favoured_words_stay_in_time_and_order(best: str, others: list[str], terms: list[str]) -> None:
    before = words(best)
    after = favour(before, others, terms)
    assert texts(after) in [best, *others]
    times = [time for word in after for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert before[0].start_s <= times[0] <= times[-1] <= before[-1].end_s


@pytest.mark.parametrize(
    ("said", "over", "shown"),
    [
        ("what time is it", True, "What time is it?"),
        ("i think i'm late", True, "I think I'm late."),
        ("i think i'm", False, "I think I'm"),
        ("", True, ""),
    ],
)
def test_casing_and_punctuation(said: str, over: bool, shown: str) -> None:
    assert " ".join(word.display for word in present(words(said), over=over)) == shown


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_confidence_grows_with_silence_and_never_reaches_one(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0.0 <= end_of_turn_confidence(low) <= end_of_turn_confidence(high) < 1.0


def test_confidence_as_documented() -> None:
    assert end_of_turn_confidence(None) == end_of_turn_confidence(0.0) == 0.0
    shown = [round(end_of_turn_confidence(seconds), 2) for seconds in (0.208, 0.335, 0.538)]
    assert shown == [0.5, 0.7, 0.9]


def test_voices_that_do_not_exist() -> None:
    with pytest.raises(
        ValueError,
        match=r"^voice must be one espeak-ng knows, such as 'en-us' or 'en-us\+f3', got 'no-such-voice'$",
    ):
        synthesize("x", Voice("no-such-voice"))


def test_missing_packages_are_named_with_the_command_that_installs_them() -> None:
    with pytest.raises(
        EngineUnavailable,
        match="^the offline engine needs no_such_package, which is not installed: "
        r'pip install "speechwire\[emulator\]"$',
    ):
        require("no_such_package")


def test_resampled_speech_keeps_its_length() -> None:
    pcm = synthesize("one two three", CALLER)
    pipeline = PcmPipeline(in_rate=22050, out_rate=16000, channels=1, chunk_ms=20)
    resampled = b"".join([*pipeline.push(pcm), *pipeline.flush()])
    assert len(resampled) / 32000 == pytest.approx(len(pcm) / 44100, abs=0.001)


def test_word_errors_count_substitutions_gaps_and_additions() -> None:
    assert word_errors("a b c", "A b, c.") == (0, 3)
    assert word_errors("a b c", "a x c") == (1, 3)
    assert word_errors("a b c", "a c d d") == (3, 3)
    assert word_errors("a b c", "") == (3, 3)
