"""numpy, scalar Rust and every SIMD path give the same bytes, however the input is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechwire.audio import PcmPipeline
from speechwire.audio._settings import FORMATS

COMMON = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000, 4000)
RATES = st.one_of(
    st.sampled_from(COMMON), st.integers(40, 1920).map(lambda n: 100 * n), st.integers(4000, 192_000)
)
SETTINGS = st.fixed_dictionaries(
    {
        "in_rate": RATES,
        "out_rate": RATES,
        "channels": st.one_of(st.sampled_from((1, 2)), st.integers(3, 32)),
        "chunk_ms": st.sampled_from((1, 20, 80, 100)),
        "quality": st.sampled_from(("fast", "balanced", "best")),
        "format": st.sampled_from(("s16le", "s16le", *FORMATS)),
    }
)
KINDS = st.sampled_from(("noise", "square", "alternating", "low", "high", "quiet", "impulse"))


def content(kind: str, seed: int, count: int) -> np.ndarray[Any, Any]:
    """16-bit samples of the kinds that break filters: loud, extreme, one-sided."""
    rng = np.random.default_rng(seed)
    if kind == "square":
        return np.where(np.arange(count) // rng.integers(1, 40) % 2, 32767, -32768)
    if kind == "alternating":
        return np.where(np.arange(count) % 2, 32767, -32768)
    if kind == "impulse":
        return np.where(np.arange(count) == count // 2, -32768, 0)
    limits = {"noise": (-32768, 32767), "low": (-32768, -32768), "high": (32767, 32767), "quiet": (-2, 2)}
    return rng.integers(*limits[kind], size=count, endpoint=True)


def encode(samples: np.ndarray[Any, Any], format: str) -> bytes:
    if format == "s16le":
        return samples.astype("<i2").tobytes()
    if format == "f32le":
        return (samples / 32768 * 1.2).astype("<f4").tobytes()
    return (samples >> 8 & 0xFF).astype(np.uint8).tobytes()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    options=SETTINGS,
    kind=KINDS,
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(0, 3000),
    excess=st.integers(0, 3),
    cuts=st.lists(st.integers(0, 20_000), max_size=6),
)
def test_all_paths_agree_on_every_cut(
    paths: list[str],
    build_on: Callable[..., PcmPipeline],
    convert: Callable[..., bytes],
    options: dict[str, Any],
    kind: str,
    seed: int,
    frames: int,
    excess: int,
    cuts: list[int],
) -> None:
    incomplete = min(excess, options["channels"] * FORMATS[options["format"]] - 1)
    data = encode(content(kind, seed, frames * options["channels"]), options["format"]) + bytes(incomplete)
    expected = convert(build_on("numpy", **options), [data])
    assert len(expected) == 2 * -(-frames * options["out_rate"] // options["in_rate"])
    for path in paths:
        assert convert(build_on(path, **options), pieces(data, cuts)) == expected, path


@settings(max_examples=40, deadline=None)
@given(
    options=SETTINGS,
    kind=KINDS,
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 9000), max_size=9),
)
def test_chunks_come_at_the_same_push(
    paths: list[str],
    build_on: Callable[..., PcmPipeline],
    options: dict[str, Any],
    kind: str,
    seed: int,
    cuts: list[int],
) -> None:
    data = encode(content(kind, seed, 1500 * options["channels"]), options["format"])
    pipelines = [build_on(path, **options) for path in paths]
    for piece in pieces(data, cuts):
        first, *others = [pipeline.push(piece) for pipeline in pipelines]
        assert all(len(chunk) == pipelines[0].chunk_bytes for chunk in first)
        assert all(other == first for other in others)
    first, *others = [pipeline.flush() for pipeline in pipelines]
    assert all(other == first for other in others)


def test_one_byte_at_a_time(build: Callable[..., PcmPipeline], convert: Callable[..., bytes]) -> None:
    data = encode(content("noise", 1, 1400), "s16le")
    whole = convert(build(), [data])
    assert convert(build(), [bytes([byte]) for byte in data]) == whole


def test_long_input_crosses_the_inner_blocks(
    paths: list[str], build_on: Callable[..., PcmPipeline], convert: Callable[..., bytes]
) -> None:
    data = encode(content("noise", 7, 60_000), "s16le")
    for rates in ((48_000, 16_000), (44_100, 48_000), (192_000, 4_000), (8_000, 192_000), (7919, 16_000)):
        settings_ = {"in_rate": rates[0], "out_rate": rates[1], "quality": "best"}
        results = {convert(build_on(path, **settings_), [data]) for path in paths}
        assert len(results) == 1, rates
