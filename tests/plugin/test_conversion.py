"""From any format to any other: durations, channels and samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from videosdk.plugins.deepgram._conversion import conversion, conversion_of_channels
from videosdk.plugins.deepgram._input import InputFormat

from speechwire.session.converter import Converter, Passthrough

RATES = st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000])
FORMATS = st.builds(InputFormat, RATES, st.integers(1, 6))


def converter(format: InputFormat, out: InputFormat, *, separate: bool = False) -> Converter:
    return conversion_of_channels(format, out, None, "balanced", separate=separate)


def converted(made: Converter, pcm: bytes, cuts: list[int] | None = None) -> bytes:
    """Push ``pcm`` in pieces, then flush."""
    places = [0, *sorted(cuts or []), len(pcm)]
    pieces = [pcm[begin:end] for begin, end in zip(places, places[1:], strict=False)]
    return b"".join(chunk for piece in pieces for chunk in made.push(piece)) + b"".join(made.flush())


def noise(format: InputFormat, seconds: float) -> bytes:
    frames = round(format.sample_rate * seconds)
    generator = np.random.default_rng(1)
    return generator.integers(-20_000, 20_000, frames * format.channels, dtype=np.int16).tobytes()


def channels(pcm: bytes, count: int) -> NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2").reshape(-1, count).T


@given(FORMATS, FORMATS, st.booleans(), st.data())
def test_the_duration_and_the_bytes_do_not_depend_on_the_cuts(
    format: InputFormat, out: InputFormat, separate: bool, data: st.DataObject
) -> None:
    pcm = noise(format, 0.2)
    cuts = data.draw(st.lists(st.integers(0, len(pcm)), max_size=8))
    made = converter(format, out, separate=separate)
    whole = converted(made, pcm)
    frames = -(-len(pcm) // format.frame_bytes * out.sample_rate // format.sample_rate)
    assert len(whole) == frames * out.frame_bytes
    assert converted(made, pcm, cuts) == whole  # and after a flush it is as new


@given(RATES, RATES, st.integers(2, 5))
def test_as_many_channels_are_converted_one_by_one(rate: int, out_rate: int, count: int) -> None:
    format, out = InputFormat(rate, count), InputFormat(out_rate, count)
    pcm = noise(format, 0.1)
    if rate == out_rate:
        assert isinstance(converter(format, out), Passthrough)
        assert converted(converter(format, out), pcm) == pcm
        return
    got = channels(converted(converter(format, out), pcm), count)
    mono = InputFormat(rate, 1)
    for number, channel in enumerate(channels(pcm, count)):
        alone = converted(conversion(mono, out_rate, 100, "balanced"), channel.tobytes())
        assert np.array_equal(got[number], np.frombuffer(alone, dtype="<i2"))


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_channels_becomes_their_mean(count: int, separate: bool) -> None:
    format, out = InputFormat(16_000, count), InputFormat(48_000, 2)
    pcm = noise(format, 0.1)
    first, second = channels(converted(converter(format, out, separate=separate), pcm), 2)
    mean = converted(conversion(format, 48_000, 100, "balanced"), pcm)
    assert np.array_equal(first, np.frombuffer(mean, dtype="<i2"))
    assert np.array_equal(second, np.zeros_like(first) if separate else first)


def test_one_channel_is_the_mean_of_all() -> None:
    format, out = InputFormat(16_000, 2), InputFormat(16_000, 1)
    pcm = np.array([[100, 300], [-7, -9]], dtype="<i2").tobytes()
    assert np.frombuffer(converted(converter(format, out), pcm), dtype="<i2").tolist() == [200, -8]


def test_the_rest_of_a_frame_is_filled_up() -> None:
    format, out = InputFormat(16_000, 2), InputFormat(8_000, 2)
    assert len(converted(converter(format, out), bytes(3))) == out.frame_bytes


@pytest.mark.parametrize(
    ("format", "out"),
    [
        (InputFormat(48_000, 2), InputFormat(48_000, 2)),
        (InputFormat(48_000, 2), InputFormat(16_000, 2)),
        (InputFormat(48_000, 3), InputFormat(16_000, 2)),
        (InputFormat(48_000, 2), InputFormat(16_000, 1)),
    ],
)
@pytest.mark.parametrize("chunk_ms", [None, 20])
def test_a_flush_within_a_frame_keeps_what_is_left_of_it(
    format: InputFormat, out: InputFormat, chunk_ms: int | None
) -> None:
    """As if the flush had been between two frames."""
    split, apart = (
        conversion_of_channels(format, out, chunk_ms, "balanced", separate=False) for _ in range(2)
    )
    pcm, whole = noise(format, 0.1), 1000 * format.frame_bytes
    first = b"".join(split.push(pcm[: whole + 3]) + split.flush_whole())  # type: ignore[attr-defined]
    assert first == converted(apart, pcm[:whole])
    assert converted(split, pcm[whole + 3 :]) == converted(apart, pcm[whole:])


@given(FORMATS, st.integers(1, 500), st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=5))
def test_chunks_of_what_is_not_converted(
    format: InputFormat, chunk_ms: int, pcm: bytes, places: list[int]
) -> None:
    made = conversion_of_channels(format, format, chunk_ms, "balanced", separate=False)
    cuts = sorted(min(place, len(pcm)) for place in places)
    ends = [*cuts, len(pcm)]
    chunks = [
        chunk for begin, end in zip([0, *cuts], ends, strict=True) for chunk in made.push(pcm[begin:end])
    ]
    size = max(1, format.sample_rate * chunk_ms // 1000) * format.frame_bytes
    assert {len(chunk) for chunk in chunks} <= {size}
    rest = b"".join(made.flush())
    assert len(rest) <= size  # the last frame is filled up
    assert b"".join(chunks) + rest == pcm + bytes(-len(pcm) % format.frame_bytes)
    assert made.flush() == []
