"""Both chunkers give the same chunks, whatever comes, and a ring the same messages through either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio.rings import ENGINES, make

from speechwire.audio import make_chunker
from speechwire.errors import InvalidArgument, InvalidArgumentType

steps = st.lists(st.binary(max_size=40) | st.sampled_from(["flush", "flush_whole"]), max_size=30)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 8))


@given(sizes=sizes, steps=steps)
def test_the_chunks_of_both_engines_are_those_of_the_audio(
    sizes: tuple[int, int], steps: list[bytes | str]
) -> None:
    chunkers = [make_chunker(*sizes, engine=engine) for engine in ENGINES]
    held, frame_bytes = b"", sizes[0]
    chunk_bytes = frame_bytes * sizes[1]
    for step in steps:
        if isinstance(step, bytes):
            held += step
            whole = len(held) - len(held) % chunk_bytes
            expected = [held[at : at + chunk_bytes] for at in range(0, whole, chunk_bytes)]
            got = [each.push(step) for each in chunkers]
        else:
            whole = len(held) - len(held) % frame_bytes if step == "flush_whole" else len(held)
            left = held[:whole] + bytes(-whole % frame_bytes)
            expected = [left] if left else []
            got = [getattr(each, step)() for each in chunkers]
        held = held[whole:]
        assert got == [expected] * len(chunkers)


@pytest.mark.parametrize("engine", ENGINES)
@given(pieces=st.lists(st.binary(max_size=9), max_size=30))
def test_a_ring_sends_whole_chunks_in_order(engine: str, pieces: list[bytes]) -> None:
    ring = make(engine, frame_bytes=2, converter=make_chunker(2, 4, engine=engine))
    ring.open(None, 0.0)
    ring.rest(True)
    sent: list[bytes] = []
    for piece in pieces:
        outcome = ring.push(piece, 0.0)
        sent += [outcome] if isinstance(outcome, bytes) else outcome or []
    assert all(len(each) == 8 for each in sent)
    ring.flush_converter(at_end=True)
    while ring.waiting:
        taken = ring.take(0.0)
        sent += [taken[0]] if taken else []
    audio = b"".join(pieces)
    assert b"".join(sent) == audio + bytes(-len(audio) % 2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pcm", [None, "text", 3, memoryview(bytes(8))[::2]])
def test_what_is_no_audio_is_told_and_changes_nothing(engine: str, pcm: object) -> None:
    chunker = make_chunker(2, 2, engine=engine)
    chunker.push(b"12")
    with pytest.raises(InvalidArgumentType, match="pcm must be a C-contiguous bytes-like object"):
        chunker.push(pcm)  # type: ignore[arg-type]
    others: list[Any] = [bytearray(b"34"), memoryview(b"56")]
    assert chunker.push(others[0]) == [b"1234"]
    assert chunker.push(others[1]) == [] and chunker.flush() == [b"56"]


@pytest.mark.parametrize(
    ("frame_bytes", "chunk_frames", "message"),
    [
        (0, 1, "frame_bytes must be 1 to 65536, got 0"),
        (65537, 1, "frame_bytes must be 1 to 65536, got 65537"),
        (1, 0, "chunk_frames must be 1 to 2097152, got 0"),
        (1, 2097153, "chunk_frames must be 1 to 2097152, got 2097153"),
    ],
)
def test_sizes_out_of_range(frame_bytes: int, chunk_frames: int, message: str) -> None:
    for engine in ENGINES:
        with pytest.raises(InvalidArgument, match=message):
            make_chunker(frame_bytes, chunk_frames, engine)
    assert make_chunker(65536, 1).push(bytes(65536)) == [bytes(65536)]
    assert make_chunker(1, 2097152).push(bytes(9)) == []


@pytest.mark.parametrize("arguments", [(2.0, 1), (1, "8"), (True, 1)])
def test_sizes_of_a_wrong_type(arguments: tuple[object, object]) -> None:
    with pytest.raises(InvalidArgumentType, match="frame_bytes|chunk_frames"):
        make_chunker(*arguments)  # type: ignore[arg-type]
