"""The judge of the fault matrix: every sample is found where it is, and none where it is not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.session.counted import RATE, counted
from tests.transport.reliability.arrivals import Arrivals, pieces

CHUNK = 320
PIECES = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 50), st.integers(0, 3)), min_size=1, max_size=8
)


@given(PIECES)
@example([(0, 1, 1), (0, 1, 0)])  # the first sample is a zero as well
def test_pieces_are_told_from_each_other_and_from_silence(drawn: list[tuple[int, int, int]]) -> None:
    pcm, expected, runs_on = b"", list[tuple[int, int]](), False
    for first, count, silence in drawn:
        start, end = first * CHUNK, (first + count) * CHUNK
        if runs_on and expected[-1][1] == start:
            expected[-1] = (expected[-1][0], end)
        else:
            expected.append((start, end))
        pcm += counted(start, end - start) + bytes(2 * CHUNK * silence)
        runs_on = not silence
    assert pieces(pcm) == expected


def test_what_is_missing_and_what_is_doubled_is_counted() -> None:
    first, second = counted(0, RATE), counted(RATE // 2, RATE)
    arrivals = Arrivals([first, bytes(3200) + second, b""], 2.0)
    assert (arrivals.lost_ms, arrivals.replayed_ms) == (500.0, 500.0)


def test_a_gap_within_a_connection_is_counted() -> None:
    arrivals = Arrivals([counted(0, RATE) + counted(RATE + CHUNK, RATE - CHUNK)], 2.0)
    assert (arrivals.lost_ms, arrivals.replayed_ms) == (20.0, 0.0)


@pytest.mark.parametrize("pcm", [b"\x01\x80" * 40, counted(0, RATE)[:-1]])
def test_what_is_no_counted_audio_is_no_piece(pcm: bytes) -> None:
    with pytest.raises(ValueError):
        pieces(pcm)


def test_audio_that_was_never_pushed_is_an_error() -> None:
    with pytest.raises(ValueError, match="^samples 16000 to 32000 were never pushed$"):
        Arrivals([counted(RATE, RATE)], 1.5)
