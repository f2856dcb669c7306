"""A flush in mid-stream may come in the middle of a frame: the rest of that frame is still to come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio.rings import ENGINES, make

from speechwire.audio import PcmPipeline
from speechwire.session.converter import ChunkedPassthrough, Passthrough

FRAME = 6  # three channels
AUDIO = bytes(n * 89 % 251 for n in range(40 * FRAME))


def pipeline(engine: str) -> PcmPipeline:
    return PcmPipeline(8000, 16000, 3, 1, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@given(cut=st.integers(0, len(AUDIO)))
def test_a_pipeline_goes_on_within_the_frame(engine: str, cut: int) -> None:
    """As if the pause had been between two frames."""
    split, apart = pipeline(engine), pipeline(engine)
    whole = cut - cut % FRAME
    first = split.push(AUDIO[:cut]) + split.flush_whole()
    assert split.partial_bytes == cut - whole
    assert first == apart.push(AUDIO[:whole]) + apart.flush()
    assert split.push(AUDIO[cut:]) + split.flush() == apart.push(AUDIO[whole:]) + apart.flush()


@pytest.mark.parametrize("engine", ENGINES)
def test_without_audio_nothing_is_left_but_the_partial_frame(engine: str) -> None:
    made = pipeline(engine)
    assert made.push(b"12") + made.flush_whole() + made.flush_whole() == []
    assert made.partial_bytes == 2
    made.flush()
    assert made.partial_bytes == 0


def converters(engine: str) -> list[Any]:
    return [
        None,
        Passthrough(FRAME),
        ChunkedPassthrough(FRAME, 8000, 1),
        PcmPipeline(8000, 8000, 1, 1, engine=engine),
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("which", range(4))
@given(cuts=st.lists(st.integers(0, 4 * FRAME + 1), max_size=20))
def test_a_ring_loses_no_place_at_a_flush(engine: str, which: int, cuts: list[int]) -> None:
    """Whatever converts: it is the audio that was pushed, in order, and nothing else."""
    ring = make(engine, frame_bytes=2 if which == 3 else FRAME, converter=converters(engine)[which])
    at = 0
    for size in cuts:
        ring.push(AUDIO[at : at + size], 0.0)
        ring.flush_converter()
        at += size
    ring.push(AUDIO[at:], 0.0)
    ring.flush_converter(at_end=True)
    assert b"".join(taken[0] for _ in range(ring.waiting) if (taken := ring.take(0.0))) == AUDIO


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("which", [0, 2])
def test_at_the_end_a_last_frame_is_filled_up(engine: str, which: int) -> None:
    ring = make(engine, frame_bytes=FRAME, converter=converters(engine)[which])
    ring.push(b"12345678", 0.0)
    ring.flush_converter()
    assert ring.end == 1
    ring.flush_converter(at_end=True)
    assert ring.end == 2
    assert b"".join(taken[0] for _ in range(2) if (taken := ring.take(0.0))) == b"12345678\0\0\0\0"
