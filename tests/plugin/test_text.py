"""Pieces of text are joined as they were meant to be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videosdk.plugins.deepgram._text import TextJoiner


def join(*pieces: str) -> str:
    joiner = TextJoiner()
    return "".join(joiner.add(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("pieces", "spoken"),
    [
        (("Sure thing.", "I can help you."), "Sure thing. I can help you."),
        (("tomato soup,", "a warm sandwich"), "tomato soup, a warm sandwich"),
        (("a first phrase", "a second one"), "a first phrase a second one"),
        (("Sure", " thing", ".", " I", " can"), "Sure thing. I can"),
        (("Pi is", " 3", ".", "14", " or so"), "Pi is 3.14 or so"),
        (("Hel", "lo"), "Hello"),
        (("Hello", " ", "world"), "Hello world"),
        (("Hello ", "world"), "Hello world"),
        (("  ", "Hello"), "Hello"),
        (("", "Hello", "", ""), "Hello"),
    ],
)
def test_spaces_stand_where_they_belong(pieces: tuple[str, ...], spoken: str) -> None:
    assert join(*pieces) == spoken


@given(st.lists(st.text()))
def test_no_character_but_white_space_is_lost_or_made(pieces: list[str]) -> None:
    assert "".join(join(*pieces).split()) == "".join("".join(pieces).split())


@given(st.lists(st.text()))
def test_white_space_alone_is_never_sent(pieces: list[str]) -> None:
    joiner = TextJoiner()
    assert all(sent == "" or sent.strip() for sent in map(joiner.add, pieces))
