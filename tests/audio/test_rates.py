"""Any two rates of the range: exact in length and time, however long the stream, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speechwire.audio import PcmPipeline

Build = Callable[..., PcmPipeline]
Convert = Callable[..., bytes]
RATES = st.integers(4000, 192_000)
SAMPLES = 150_000  # of the higher rate, before the pulse
PULSE_S = 0.01


def pulse_after_silence(rate: int, at: int) -> bytes:
    """A smooth pulse, its middle at sample ``at``."""
    time_s = np.arange(-round(PULSE_S * rate), round(PULSE_S * rate) + 1) / rate
    pulse = np.rint(15_000 * (1 + np.cos(np.pi * time_s / PULSE_S)))
    return np.pad(pulse, (at - len(pulse) // 2, rate // 50)).astype("<i2").tobytes()


def middle_of_the_pulse(output: bytes, around: int, rate: int) -> float:
    """Where its centre of gravity is; a filter of linear phase leaves it at its time."""
    reach = round(1.5 * PULSE_S * rate)
    place = np.arange(around - reach, around + reach)
    levels = np.frombuffer(output, "<i2")[place].astype(float)
    return float(place @ levels / levels.sum())


@settings(max_examples=15, deadline=None)
@example(9361, 9362)
@example(44_101, 16_000)
@example(192_000, 4001)
@example(4001, 192_000)
@example(191_999, 192_000)
@given(in_rate=RATES, out_rate=RATES)
def test_no_stream_drifts(build: Build, convert: Convert, in_rate: int, out_rate: int) -> None:
    """An hour holds 3.6e6 ms: a ratio that gains or loses 1 ms in an hour would be off by 2.8e-7."""
    at = SAMPLES * in_rate // max(in_rate, out_rate)
    pipeline = build(in_rate=in_rate, out_rate=out_rate, channels=1, quality="fast")
    output = convert(pipeline, [pulse_after_silence(in_rate, at)])
    expected = at * out_rate / in_rate
    found = middle_of_the_pulse(output, round(expected), out_rate)
    assert abs(found / expected - 1) <= 1e-7


@settings(max_examples=60, deadline=None)
@example(9361, 9362, 9361)
@example(44_101, 16_000, 44_102)
@given(in_rate=RATES, out_rate=RATES, frames=st.integers(0, 3000))
def test_the_length_is_the_ratio_rounded_up(
    build: Build, convert: Convert, in_rate: int, out_rate: int, frames: int
) -> None:
    pipeline = build(in_rate=in_rate, out_rate=out_rate, channels=1, quality="fast")
    assert len(convert(pipeline, [bytes(2 * frames)])) == 2 * -(-frames * out_rate // in_rate)


RECORDINGS = (44_101, 11_127, 22_254, 22_051, 7919)


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
@pytest.mark.parametrize("in_rate", RECORDINGS)
def test_odd_recordings_are_interpolated(build: Build, in_rate: int, quality: str) -> None:
    assert build(in_rate=in_rate, quality=quality).interpolated


def test_usual_rates_are_not_interpolated(build: Build) -> None:
    for in_rate in (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000):
        assert not build(in_rate=in_rate, quality="best").interpolated
