"""The stream's contract: lengths, chunks, carried bytes, flush and reset."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from speechwire.audio import PcmPipeline

Build = Callable[..., PcmPipeline]
Convert = Callable[..., bytes]


def noise(frames: int, channels: int = 2, seed: int = 3) -> bytes:
    rng = np.random.default_rng(seed)
    return rng.integers(-32768, 32767, frames * channels, endpoint=True).astype("<i2").tobytes()


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 959, 960, 961])
def test_length_is_the_ratio_rounded_up(build: Build, convert: Convert, frames: int) -> None:
    for in_rate, out_rate in ((48_000, 16_000), (16_000, 48_000), (44_100, 16_000), (44_101, 16_000)):
        got = convert(build(in_rate=in_rate, out_rate=out_rate), [noise(frames)])
        assert len(got) == 2 * -(-frames * out_rate // in_rate)


def test_chunks_are_whole_until_the_flush(build: Build) -> None:
    pipeline = build(chunk_ms=20)
    chunks = pipeline.push(noise(48_000))
    assert {len(chunk) for chunk in chunks} == {640} == {pipeline.chunk_bytes}
    rest = pipeline.flush()
    assert [len(chunk) for chunk in rest[:-1]] == [640] * (len(rest) - 1)
    assert sum(map(len, chunks + rest)) == 32_000


def test_chunk_length_rounds_down_to_whole_samples(build: Build) -> None:
    assert build(out_rate=22_050, chunk_ms=10).chunk_bytes == 2 * 220


def test_a_constant_passes_unchanged(build: Build, convert: Convert) -> None:
    for in_rate, out_rate in ((48_000, 16_000), (16_000, 44_100), (44_101, 16_000)):
        for value in (-32768, -12345, 1, 32767):
            level = np.full(in_rate // 10, value, "<i2").tobytes()
            pipeline = build(in_rate=in_rate, out_rate=out_rate, channels=1)
            got = np.frombuffer(convert(pipeline, [level]), "<i2")
            edge = len(got) // 4  # where the silence before and after does not reach
            assert set(got[edge:-edge].tolist()) == {value}


def test_outputs_are_centred_on_their_own_time(build: Build, convert: Convert) -> None:
    impulse = np.zeros(3000, "<i2")
    impulse[1500] = 32767
    for quality in ("fast", "balanced", "best"):
        pipeline = build(channels=1, quality=quality)
        got = np.frombuffer(convert(pipeline, [impulse.tobytes()]), "<i2").astype(int)
        assert int(np.argmax(got)) == 500
        assert got[1:500].tolist() == got[501:].tolist()[::-1]


def test_overload_saturates(build: Build, convert: Convert) -> None:
    square = np.where(np.arange(9600) // 24 % 2, 32767, -32768).astype("<i2").tobytes()
    got = np.frombuffer(convert(build(channels=1), [square]), "<i2")
    assert (got.min(), got.max()) == (-32768, 32767)


def test_equal_rates_only_downmix(build: Build, convert: Convert) -> None:
    pipeline = build(in_rate=16_000, out_rate=16_000)
    assert pipeline.latency == 0.0
    frames = np.array([[1, 2], [-1, -2], [32767, 32767], [-32768, -32768], [0, 1], [0, -1]], "<i2")
    got = np.frombuffer(convert(pipeline, [frames.tobytes()]), "<i2")
    assert got.tolist() == [2, -1, 32767, -32768, 1, 0]


def test_equal_rates_and_mono_only_chunk(build: Build, convert: Convert) -> None:
    data = noise(5000, channels=1)
    assert convert(build(in_rate=8000, out_rate=8000, channels=1), [data]) == data


@pytest.mark.parametrize("channels", [3, 5, 32])
def test_the_mean_of_many_channels_rounds_half_up(build: Build, convert: Convert, channels: int) -> None:
    data = noise(500, channels)
    sums = np.frombuffer(data, "<i2").reshape(-1, channels).sum(axis=1, dtype=np.int64)
    expected = (2 * sums + channels) // (2 * channels)
    got = np.frombuffer(convert(build(in_rate=8000, out_rate=8000, channels=channels), [data]), "<i2")
    assert got.tolist() == expected.tolist()


def test_an_incomplete_frame_is_carried(build: Build) -> None:
    pipeline = build(in_rate=8000, out_rate=8000, chunk_ms=1)
    data = noise(8)
    assert pipeline.push(data[:31]) == []
    assert pipeline.partial_bytes == 3
    assert [len(chunk) for chunk in pipeline.push(data[31:])] == [16]
    assert pipeline.partial_bytes == 0


@pytest.mark.parametrize("end", ["flush", "reset"])
def test_nothing_remains_after(build: Build, convert: Convert, end: str) -> None:
    for in_rate in (48_000, 44_100, 44_101, 8_000, 16_000):
        pipeline, fresh = build(in_rate=in_rate), build(in_rate=in_rate)
        pipeline.push(noise(5000, seed=1)[:-3])
        getattr(pipeline, end)()
        assert pipeline.partial_bytes == 0
        assert pipeline.flush() == []
        data = noise(3000, seed=2)
        assert convert(pipeline, [data]) == convert(fresh, [data])


def test_every_bytes_like_object_is_taken(build: Build, convert: Convert) -> None:
    data = noise(2000)
    array = np.frombuffer(data, "<i2").reshape(-1, 2)
    expected = convert(build(), [data])
    for form in (bytearray(data), memoryview(data), memoryview(data).cast("h"), array, array[::1]):
        assert convert(build(), [form]) == expected
    assert build().push(b"") == build().push(bytearray()) == []


def test_a_pipeline_is_a_pcm_pipeline(path: str) -> None:
    engine = path.partition("-")[0]
    pipeline = PcmPipeline(engine=engine)
    assert isinstance(pipeline, PcmPipeline)
    assert pipeline.engine == engine
    assert repr(pipeline) == (
        f"<PcmPipeline 48000 Hz x 2 s16le -> 16000 Hz mono, 100 ms chunks, balanced, {engine}>"
    )


@pytest.mark.parametrize(("quality", "limit"), [("fast", 0.0012), ("balanced", 0.0025), ("best", 0.006)])
def test_latency_is_within_the_preset(build: Build, quality: str, limit: float) -> None:
    assert 0 < build(quality=quality).latency <= limit


def test_latency_is_the_same_number_on_every_path(build: Build) -> None:
    assert build().latency == 63 / 48_000
    assert (
        build(in_rate=44_100, quality="best").latency
        == PcmPipeline(44_100, quality="best", engine="numpy").latency
    )


def test_an_output_comes_as_soon_as_its_latency_allows(build: Build) -> None:
    for in_rate, out_rate in ((48_000, 16_000), (16_000, 48_000), (44_100, 16_000), (44_101, 16_000)):
        pipeline = build(in_rate=in_rate, out_rate=out_rate, channels=1, chunk_ms=1)
        ahead = round(pipeline.latency * in_rate)
        needed = (pipeline.chunk_bytes // 2 - 1) * in_rate // out_rate + 1 + ahead
        assert pipeline.push(bytes(2 * needed - 2)) == []
        assert len(pipeline.push(bytes(2))) == 1
