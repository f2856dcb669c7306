"""Pieces of text are joined as they were meant to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from videosdk.agents.tokenize import BasicSentenceChunker
from videosdk.plugins.deepgram._text import TextJoiner

AURA, FLUX = 2000, 60

SCRIPTS = {
    "Latin": "The price is $3.50, at 10:30 AM (see example.com/a_b, U.S.). “Really?” Don't—wait… 1,000%!",
    "Cyrillic": "Поезд отходит в 9:15. Цена — 3,50 руб. «Правда?» Да!",
    "Greek": "Το τρένο φεύγει στις 9:15· κοστίζει 3,50 €. Αλήθεια;",
    "Arabic": "القطار يغادر الساعة ٩:١٥، والسعر ٣٫٥٠. حقا؟",
    "Devanagari": "ट्रेन ९:१५ बजे निकलती है। क़ीमत ₹3.50 है, ठीक?",
    "Hangul": "기차는 9:15에 출발합니다. 가격은 3.50달러, 괜찮아요?",
    "Han": "火车 9:15 出发。价格是 3.50 美元，好吗？“好。”",
    "Thai": "รถไฟออก 9:15 น. ราคา 3.50 ดอลลาร์ ตกลงไหม",
}


def join(pieces: Sequence[str], patience: int = AURA) -> str:
    joiner = TextJoiner(patience)
    return "".join([joiner.add(piece) for piece in pieces]) + joiner.settle()


TOKENS = [
    ("10", ":", "30", " AM"),
    ("$3", ".", "50", " each"),
    ("example", ".", "com", " is"),
    ("U", ".", "S", ".", " law"),
    ("Sure", " thing", ".", " I", " can"),
    ("Pi is", " 3", ".", "14", " or so"),
    ("Ent", "schuld", "igung", ",", " bitte"),
    ("It costs $3.", "50 today", " only"),
    ("Su", "re th", "ing. I", " can"),
    ("Hello", " ", "world"),
    ("Hello ", "world"),
    ("  ", "Hello"),
    ("Hello", "\n\n", "  ", "world"),
    ("", "Hello", "", ""),
    ("\ud83d", "\ude00", " help"),
]


@pytest.mark.parametrize("pieces", TOKENS, ids="|".join)
@pytest.mark.parametrize("patience", [AURA, FLUX])
def test_tokens_that_carry_their_blanks_are_joined_as_written(pieces: tuple[str, ...], patience: int) -> None:
    assert join(pieces, patience) == "".join(pieces)


ABBREVIATIONS = (
    *("al", "approx", "ca", "cf", "co", "corp", "dr", "etc", "inc", "ltd", "max", "min", "mr", "mrs", "ms"),
    *("no", "pp", "prof", "st", "vol", "vs"),
)


@pytest.mark.parametrize("word", ABBREVIATIONS)
def test_a_point_behind_an_abbreviation_ends_a_word(word: str) -> None:
    assert join(("It", "says", word, ".", "page")) == f"It says {word}. page"
    assert join(("It", "says", f"{word}x", ".", "page")) == f"It says {word}x.page"


@given(st.data(), st.sampled_from(sorted(SCRIPTS)), st.sampled_from([AURA, FLUX]))
def test_a_text_cut_anywhere_is_spoken_as_it_was(data: st.DataObject, script: str, patience: int) -> None:
    text = SCRIPTS[script]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shows_blanks_by = next(
        (end for piece, end in zip(pieces, [*cuts, len(text)], strict=True) if edged(piece)), 9999
    )
    assume(shows_blanks_by <= patience)
    assert join(pieces, patience) == text


def edged(piece: str) -> bool:
    return piece != piece.strip()


@given(st.lists(st.text()).filter(lambda pieces: any(map(edged, pieces))))
def test_any_text_is_spoken_as_it_was_up_to_blanks_at_its_end(pieces: list[str]) -> None:
    assume(sum(map(len, pieces)) <= AURA)
    assert join(pieces).rstrip() == "".join(pieces).rstrip()


TRIMMED = [
    (("Sure thing.", "I can help you."), "Sure thing. I can help you."),
    (("tomato soup,", "a warm sandwich"), "tomato soup, a warm sandwich"),
    (("a first phrase", "a second one"), "a first phrase a second one"),
    (("Sure", "I can help"), "Sure I can help"),
    (("It costs 5.", "10 people came."), "It costs 5. 10 people came."),
    (("I have 5,", "100 came."), "I have 5, 100 came."),
    (("It", "costs", "$3", ".", "50", "."), "It costs $3.50."),
    (("at", "10", ":", "30", "AM"), "at 10:30 AM"),
    (("The shop opens at 9:", "30 sharp."), "The shop opens at 9:30 sharp."),
    (("Note:", "10 people came."), "Note: 10 people came."),
    (("Please look at https:", "//example.com now."), "Please look at https://example.com now."),
    (("He lives in the U.", "S.", "now and then."), "He lives in the U.S. now and then."),
    (("mail", "j", "@", "example", ".", "com", "today"), "mail j@example.com today"),
    (("www", ".", "example", ".", "org", "/", "a"), "www.example.org/a"),
    (("e", ".", "g", ".", "this"), "e.g. this"),
    (("apples", ",", "etc", ".", "and", "pears"), "apples, etc. and pears"),
    (("1", ",", "000", "people"), "1,000 people"),
    (("version", "v2", ".", "0", ".", "1"), "version v2.0.1"),
    (("2010", "–", "2020"), "2010–2020"),
    (("only", "5", "%", "of", "it"), "only 5% of it"),
    (("The price is €", "5."), "The price is €5."),
    (("That is $1,250.", "75 in all."), "That is $1,250.75 in all."),
    (("That is 1,250.", "00 in all."), "That is 1,250.00 in all."),
    (("We sold 1,250.", "75 people came."), "We sold 1,250. 75 people came."),
    (("on", "the", "3", "rd"), "on the 3rd"),
    (("a", "well", "-", "known", "fact"), "a well-known fact"),
    (("I", "don", "'", "t", "know"), "I don't know"),
    (("I", "don", "'t", "know"), "I don't know"),
    (("de l'", "eau"), "de l'eau"),
    (("He said", '"', "yes", '"', "to me"), 'He said "yes" to me'),
    (("He said “yes", "” to me."), "He said “yes” to me."),
    (("Er sagte", "„", "ja", "“", "dazu"), "Er sagte „ja“ dazu"),
    (("It is here", "(", "or there", ")", "today"), "It is here (or there) today"),
    (("Wait", "...", "what", "?"), "Wait... what?"),
    (("नमस्ते।", "आप कैसे हैं?"), "नमस्ते। आप कैसे हैं?"),
    (("क", "ि ताब"), "कि ताब"),
    (("안녕하세요.", "반갑습니다."), "안녕하세요. 반갑습니다."),
    (("你好，", "世界。", "再见。"), "你好，世界。再见。"),
    (("こんにちは", "世界"), "こんにちは世界"),
    (("ราคา", "ห้าบาท"), "ราคาห้าบาท"),
    (("ភាសា", "ខ្មែរ"), "ភាសាខ្មែរ"),
    (("well done 👍", "🏽", "all of you"), "well done 👍🏽 all of you"),
    (("a family 👩\u200d", "👦 of two"), "a family 👩\u200d👦 of two"),
    (("well done \ud83d", "\udc4d all of you"), "well done \ud83d\udc4d all of you"),
    (("the edge \ud800", "\udc00 of them"), "the edge \ud800\udc00 of them"),
    (("the other \udbff", "\udfff of them"), "the other \udbff\udfff of them"),
    (("a cafe", "\u0301 of mine"), "a cafe\u0301 of mine"),
    (("Hello", "world"), "Hello world"),
]


@pytest.mark.parametrize(("pieces", "spoken"), TRIMMED)
@pytest.mark.parametrize("patience", [AURA, FLUX])
def test_a_blank_stands_where_it_was_taken_away(pieces: tuple[str, ...], spoken: str, patience: int) -> None:
    assert join(pieces, patience) == spoken


@given(st.lists(st.text()), st.sampled_from([0, FLUX, AURA]))
def test_no_character_but_white_space_is_lost_or_made(pieces: list[str], patience: int) -> None:
    assert "".join(join(pieces, patience).split()) == "".join("".join(pieces).split())


@given(st.lists(st.text()))
def test_white_space_alone_is_never_sent(pieces: list[str]) -> None:
    joiner = TextJoiner(AURA)
    assert all(sent == "" or sent.strip() for sent in map(joiner.add, pieces))
    sent = joiner.settle()
    assert sent == "" or sent.strip()


@given(st.lists(st.text(min_size=1, max_size=30), max_size=20), st.integers(0, 100))
def test_no_more_is_held_back_than_the_patience_allows(pieces: list[str], patience: int) -> None:
    joiner = TextJoiner(patience)
    pushed = sent = 0
    for piece in pieces:
        pushed += len(piece.strip())
        sent += len(joiner.add(piece))
        assert pushed - sent <= patience


def test_the_first_phrase_is_sent_at_once() -> None:
    joiner = TextJoiner(FLUX)
    assert joiner.add("Sure thing.") == "Sure thing."
    assert joiner.add("I can help you with that.") == ""
    assert joiner.add("What is your name, and how can I reach you?") != ""
    assert joiner.add("Thanks.") == " Thanks."


def test_text_after_a_flush_goes_on_in_the_same_way() -> None:
    joiner = TextJoiner(AURA)
    assert [joiner.add("One."), joiner.settle()] == ["One.", ""]
    assert [joiner.add("Two."), joiner.settle()] == ["", " Two."]
    assert joiner.add("Three.") == " Three."
    assert joiner.add(" Four") == " Four"
    assert joiner.add("teen") == "teen"


async def chunked(text: str) -> list[str]:
    """What the framework makes of a model's tokens."""
    stream = BasicSentenceChunker().stream()
    for begin in range(0, len(text), 3):
        await stream.push_text(text[begin : begin + 3])
        await asyncio.sleep(0)
    await stream.end_input()
    return [piece async for piece in stream]


@pytest.mark.parametrize(
    "text",
    [
        "Sure thing. I can help you with that, of course. What is your name?",
        "The shop on the corner opens at 9:30 sharp, and closes at 18:00. Come by!",
        "It costs $3.50. The other one, at $1,250.00, is better; it lasts 10 years.",
        "Please have a look at https://example.com/help, or write to help@example.com. Thanks.",
        'She lives in the U.S. now. He said: "I like it there." They agree.',
        "기차는 아홉 시에 출발합니다. 반갑습니다, 어서 오세요.",
        "火车九点出发。价格是三点五美元，好吗？好的。",
    ],
)
async def test_what_the_frameworks_chunker_cuts_is_put_together_again(text: str) -> None:
    pieces = await chunked(text)
    assert len(pieces) > 1
    assert join(pieces) == text
