"""What is sent without being converted: whole frames, or chunks of one length."""

from __future__ import annotations

import pytest

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.session.converter import ChunkedPassthrough, Passthrough


def test_frames_are_whole_and_the_last_one_is_filled_up() -> None:
    plain = Passthrough(4)
    assert plain.push(b"12345") == [b"1234"]
    assert plain.push(b"67") == []
    assert plain.flush() == [b"567\0"]
    assert plain.flush() == []


@pytest.mark.parametrize(("sample_rate", "frames"), [(8_000, 80), (1_050, 10), (50, 1)])
def test_chunks_are_of_whole_frames(sample_rate: int, frames: int) -> None:
    chunks = ChunkedPassthrough(2, sample_rate, 10)
    pcm = bytes(range(256)) * 4
    size = 2 * frames
    assert chunks.push(pcm[: size - 1]) == []
    assert chunks.push(pcm[size - 1 : 2 * size + 1]) == [pcm[:size], pcm[size : 2 * size]]
    assert chunks.flush() == [pcm[2 * size : 2 * size + 1] + b"\0"]
    assert chunks.flush() == []


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_no_audio_is_told(chunked: bool) -> None:
    made = ChunkedPassthrough(2, 8_000, 10) if chunked else Passthrough(2)
    with pytest.raises(InvalidArgumentType, match="pcm must be .*bytes-like.*, got list"):
        made.push([1, 2])  # type: ignore[arg-type]
    assert made.push(bytes(160)) == [bytes(160)]


@pytest.mark.parametrize("chunk_ms", [0, -1, 10_001, 1.5, True])
def test_a_length_of_chunks_that_is_none(chunk_ms: int) -> None:
    with pytest.raises(InvalidArgument, match="chunk_ms must be 1 to 10000 ms"):
        ChunkedPassthrough(4, 48_000, chunk_ms)


@pytest.mark.parametrize("chunk_ms", [1, 10_000])
def test_the_shortest_and_the_longest_chunk(chunk_ms: int) -> None:
    assert len(ChunkedPassthrough(2, 1_000, chunk_ms).push(bytes(2 * chunk_ms))) == 1
