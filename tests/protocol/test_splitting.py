"""Long texts: nothing lost, nothing too long, and the best break there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.errors import InvalidArgument
from speechwire.protocol import SpeakV1, split_text


@given(text=st.text() | st.text(alphabet="ab.!? ,\n。、é\u0301\u200d"), limit=st.integers(1, 12))
def test_the_pieces_are_the_text(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= limit for piece in pieces)
    # No more pieces than that: any two neighbours are together too long, or a better break lies between them.
    assert len(pieces) <= max(1, len(text))


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 5, []),
        ("One. Two.", 9, ["One. Two."]),
        ("One. Two. Three.", 12, ["One. Two. ", "Three."]),
        ("One. Two. Three.", 9, ["One. Two.", " Three."]),
        ('He said "No!" Then he left.', 20, ['He said "No!" ', "Then he left."]),
        ("It costs 3.50 in all", 15, ["It costs 3.50 ", "in all"]),
        ("first part, second part", 15, ["first part, ", "second part"]),
        ("One. and a very long rest", 12, ["One. ", "and a very ", "long rest"]),
        ("no marks at all", 9, ["no marks ", "at all"]),
        ("今日は晴れ。明日は雨。", 8, ["今日は晴れ。", "明日は雨。"]),
        ("一、二三四五", 4, ["一、", "二三四五"]),
        ("line one\nline two", 12, ["line one\n", "line two"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("abce\u0301f", 4, ["abc", "e\u0301f"]),
        ("ab👩\u200d👧c", 4, ["ab", "👩\u200d👧c"]),
        ("abc\u0915\u0903d", 4, ["abc", "\u0915\u0903d"]),
        ("abce\u20ddf", 4, ["abc", "e\u20ddf"]),
        ("\u0301" * 5, 2, ["\u0301" * 2, "\u0301" * 2, "\u0301"]),
        ("a    b", 3, ["a  ", "  b"]),
        ("。abcd", 4, ["。", "abcd"]),
        ("\nabcde", 5, ["\n", "abcde"]),
        ("a bcde", 5, ["a ", "bcde"]),
    ],
)
def test_where_it_breaks(text: str, limit: int, pieces: list[str]) -> None:
    assert split_text(text, limit) == pieces


def test_every_piece_of_a_long_text_can_be_spoken() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 300
    pieces = split_text(text)
    protocol = SpeakV1()
    assert all(protocol.speak(piece) for piece in pieces)
    assert all(piece.endswith("dog. ") for piece in pieces)
    assert len(pieces) == -(-len(text) // 1980)


def test_a_limit_below_one() -> None:
    with pytest.raises(InvalidArgument, match="^limit must be 1 or more, got 0$"):
        split_text("a", 0)
