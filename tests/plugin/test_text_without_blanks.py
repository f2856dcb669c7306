"""Texts without any blank say nothing of how their pieces were made: numbers and characters stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videosdk.plugins.deepgram._text import TextJoiner

TEXTS = {
    "Chinese": "今天是2025年12月31日，10:30开始，价格是¥3.50，共1,250个，增长-4.5%。",
    "Japanese": "会議は10:30から、料金は3,500円、電話は03/1234です。",
    "Thai": "ราคา1,250.50บาทเวลา10:30น.",
    "Khmer": "តម្លៃ3.50ម៉ោង10:30។",
    "Burmese": "စျေး၃.၅၀ကျပ်၊၁၀:၃၀။",
}


def join(*pieces: str) -> str:
    joiner = TextJoiner(2000)
    return "".join([joiner.add(piece) for piece in pieces]) + joiner.settle()


@given(st.data(), st.sampled_from(sorted(TEXTS)))
def test_a_number_among_signs_is_not_torn_apart(data: st.DataObject, name: str) -> None:
    text = TEXTS[name]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert join(*pieces) == text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_so_too_where_every_character_is_a_piece(text: str) -> None:
    assert join(*text) == text


@pytest.mark.parametrize(
    "pieces",
    [
        ("Es ist 5", "10 kommen."),
        ("It costs 5.", "10 people came."),
        ("房间 5", "room 10"),
        ("I love 北京", "10 times"),
        ("iPhone", "15", "Pro"),
    ],
)
def test_words_that_were_trimmed_are_still_set_apart(pieces: tuple[str, ...]) -> None:
    expected = " ".join(pieces).replace("北京 ", "北京")  # beside a sign there is no blank
    assert join(*pieces) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        ("می\u200c", "خواهم"),
        ("می", "\u200cخواهم"),
        ("Zusammen\u00ad", "hang"),
        ("so", "\u2060weit"),
        ("👨\u200d", "👩\u200d", "👧"),
        ("🇳", "🇴"),
        ("🇳🇴🇸", "🇪"),
        ("🏴", "\U000e0067\U000e0062", "\U000e007f"),
    ],
    ids=lambda pieces: "|".join(pieces).encode("unicode_escape").decode(),
)
def test_what_is_one_character_or_one_word_stays_one(pieces: tuple[str, ...]) -> None:
    assert join(*pieces) == "".join(pieces)


def test_a_number_at_the_start() -> None:
    assert join("20", "25年12月31日") == "2025年12月31日"


def test_two_flags_are_two() -> None:
    assert join("🇳🇴", "🇸🇪") == "🇳🇴 🇸🇪"
