"""What the service hears is what was pushed, to the sample."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.hearing import Garbled, Span, missing, repeated_ms, spans, union
from tests.session.counted import counted

starts = st.integers(0, 1 << 24)
lengths = st.integers(2, 700)


@given(starts, lengths)
def test_a_frame_is_one_piece(start: int, length: int) -> None:
    assert spans(counted(start, length), None) == [Span(start, length)]


@given(starts, lengths, st.integers(3, 500), lengths)
def test_silence_between_two_pieces_is_found(start: int, first: int, silence: int, second: int) -> None:
    frame = counted(start, first) + bytes(2 * silence) + counted(start + first, second)
    heard = spans(frame, None)
    assert next(span for span in heard if span.start is None).samples in (silence, silence + 1)
    assert sum(span.samples for span in heard) == first + silence + second


@given(starts, lengths, st.integers(500, 16000), lengths)
def test_a_gap_is_found(start: int, first: int, gap: int, second: int) -> None:
    """At an even sample, below four seconds: else single samples are the same on both sides."""
    start, first, gap = start * 2, first * 2, gap * 2
    pieces = [Span(start, first), Span(start + first + gap, second)]
    assert spans(b"".join(counted(begin or 0, count) for begin, count in pieces), None) == pieces


@given(starts)
def test_one_sample_continues_what_came_before(start: int) -> None:
    assert spans(counted(start, 1), start) == [Span(start, 1)]


@pytest.mark.parametrize("frame", [b"\x01", counted(100, 50)[1:-1]])
def test_half_a_sample_is_noticed(frame: bytes) -> None:
    with pytest.raises(Garbled):
        spans(frame, None)


def test_pieces_are_put_together() -> None:
    assert union([(5, 9), (0, 3), (3, 4), (8, 12)]) == [(0, 4), (5, 12)]
    assert missing([(5, 9), (0, 3)], 12) == [(3, 5), (9, 12)]
    assert missing([(0, 12)], 12) == []
    assert repeated_ms([[(0, 160)], [(80, 320)]], 320) == (2, 5, 5)
