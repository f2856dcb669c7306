"""A message in fragments: the same bytes again, and its bounds, each on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechwire.transport._fragments import Fragments

MOST_FRAGMENTS = 16384


@given(messages=st.lists(st.tuples(st.lists(st.binary(max_size=5), min_size=1), st.booleans())))
def test_each_message_comes_whole(messages: list[tuple[list[bytes], bool]]) -> None:
    fragments = Fragments(1000)
    for pieces, is_text in messages:
        assert not fragments.open
        assert fragments.begin(is_text) is None
        assert [fragments.add(piece) for piece in pieces] == [None] * len(pieces)
        assert (fragments.open, fragments.is_text) == (True, is_text)
        assert fragments.end() == b"".join(pieces)
    assert not fragments.open


def test_what_is_out_of_order_is_told() -> None:
    fragments = Fragments(1000)
    assert (fragments.open, fragments.is_text) == (False, False)
    assert fragments.add(b"a") == "a fragment continues no message"
    assert fragments.begin(False) is None
    assert fragments.begin(True) == "a message began before the one before it had ended"


def test_how_long_a_message_may_be() -> None:
    fragments = Fragments(10)
    fragments.begin(False)
    assert fragments.add(bytes(10)) is None
    assert fragments.add(b"") is None
    assert fragments.add(b"a") == "a message of over 10 bytes"


@pytest.mark.parametrize("before", [0, 1])
def test_in_how_many_fragments_it_may_come(before: int) -> None:
    """Counted for each message."""
    fragments = Fragments(10)
    for _ in range(before):
        fragments.begin(False)
        fragments.add(b"")
        fragments.end()
    fragments.begin(False)
    assert [fragments.add(b"") for _ in range(MOST_FRAGMENTS)] == [None] * MOST_FRAGMENTS
    assert fragments.add(b"") == "a message in over 16384 fragments"
