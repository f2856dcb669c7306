"""Telephony and float input: the tables of G.711, and the rounding rule."""

from __future__ import annotations

import math
import struct
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.audio import PcmPipeline
from speechwire.audio._formats import g711_table

Build = Callable[..., PcmPipeline]
Convert = Callable[..., bytes]


def decoded(build: Build, convert: Convert, format: str, data: bytes) -> list[int]:
    """Through equal rates and one channel, which change nothing."""
    pipeline = build(in_rate=8000, out_rate=8000, channels=1, format=format)
    return [int(sample) for sample in np.frombuffer(convert(pipeline, [data]), "<i2")]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop has left the standard library")
@pytest.mark.parametrize(("format", "function"), [("mulaw", "ulaw2lin"), ("alaw", "alaw2lin")])
def test_g711_is_that_of_audioop(build: Build, convert: Convert, format: str, function: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop  # noqa: PLC0415 - not in every Python

    codes = bytes(range(256))
    expected = np.frombuffer(getattr(audioop, function)(codes, 2), "<i2").tolist()
    assert decoded(build, convert, format, codes) == expected


def test_g711_by_the_recommendation(build: Build, convert: Convert) -> None:
    """Values of ITU-T G.711, tables 1 and 2: extremes, silence, and the first step."""
    mulaw = {0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0x7E: -8}
    alaw = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0x80: 5504, 0x00: -5504}
    for format, values in (("mulaw", mulaw), ("alaw", alaw)):
        assert decoded(build, convert, format, bytes(values)) == list(values.values())


@pytest.mark.parametrize("format", ["mulaw", "alaw"])
def test_each_byte_has_its_value_and_there_are_no_more(format: str) -> None:
    assert g711_table(format).shape == (256,)


def rule(value: float) -> int:
    """floor(32768 x + 1/2), saturated; not-a-number is silence."""
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return 32767 if value > 0 else -32768
    return max(-32768, min(32767, math.floor(value * 32768.0 + 0.5)))


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.one_of(st.floats(width=32), st.floats(-1.25, 1.25, width=32)), max_size=40))
def test_floats_round_half_up_and_saturate(build: Build, convert: Convert, values: list[float]) -> None:
    data = struct.pack(f"<{len(values)}f", *values)
    assert decoded(build, convert, "f32le", data) == [rule(value) for value in values]


def test_floats_at_the_edges(build: Build, convert: Convert) -> None:
    halves = [(n + 0.5) / 32768 for n in (-32768, -2, -1, 0, 1, 32766)]
    just_below = [float(np.nextafter(np.float32(half), np.float32(-9))) for half in halves]
    values = [*halves, *just_below, 1e-45, -1e-45, 1.0, -1.0, math.inf, -math.inf, math.nan]
    data = struct.pack(f"<{len(values)}f", *values) + bytes.fromhex("0100807f")  # a signalling not-a-number
    expected = [rule(value) for value in struct.unpack(f"<{len(values)}f", data[:-4])] + [0]
    assert decoded(build, convert, "f32le", data) == expected
