"""The presets' table, measured as a caller would: tones off the frame grid, in 20 ms frames."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from speechwire.audio import PcmPipeline
from speechwire.audio._taps import FilterTable, filter_table

Floats = np.ndarray[Any, np.dtype[np.float64]]
AMPLITUDE = 29_000
# pass edge, tolerance in dB, alias-free from: in units of the lower rate
ROWS = {
    "fast": (6.8 / 16, 0.1, 9.2 / 16),
    "balanced": (7.2 / 16, 0.05, 8.8 / 16),
    "best": (7.3 / 16, 0.02, 8.05 / 16),
}
RATES = [(48_000, 16_000), (16_000, 48_000), (44_100, 16_000), (44_100, 48_000), (8_000, 16_000)]
RATES += [(48_000, 8_000), (11_025, 16_000), (24_000, 16_000), (48_000, 44_100)]
# Ratios of large numbers, whose filter is interpolated.
RATES += [(44_101, 16_000), (7919, 16_000), (48_000, 47_999), (191_999, 16_000), (16_000, 44_101)]
TONES = (137.3, 441.7, 1003.9, 2741.1)


@lru_cache(maxsize=256)
def tone_through(in_rate: int, out_rate: int, quality: str, frequency: float) -> tuple[Floats, Floats]:
    """Half a second of a tone through the engine; output samples and their times, without the edges.

    One code path is enough: the parity tests show that all give the same bytes.
    """
    pipeline = PcmPipeline(in_rate, out_rate, channels=1, quality=quality)
    phase = 2 * np.pi * frequency * np.arange(in_rate // 2) / in_rate
    samples = np.rint(AMPLITUDE * np.sin(phase)).astype("<i2")
    frames = [samples[i : i + in_rate // 50] for i in range(0, len(samples), in_rate // 50)]
    chunks = [chunk for frame in frames for chunk in pipeline.push(frame.tobytes())]
    output = np.frombuffer(b"".join(chunks + pipeline.flush()), "<i2").astype(np.float64)
    edge = len(output) // 10
    return output[edge:-edge], (np.arange(len(output)) / out_rate)[edge:-edge]


def fit(output: Floats, times: Floats, frequency: float) -> tuple[float, float]:
    """Amplitude of the tone in the output, and the root mean square of all the rest."""
    phase = 2 * np.pi * frequency * times
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    coefficients = np.linalg.lstsq(basis, output, rcond=None)[0]
    return float(np.hypot(*coefficients[:2])), float(np.std(output - basis @ coefficients))


def db(ratio: float) -> float:
    return 20 * float(np.log10(max(ratio, 1e-9)))


@pytest.mark.parametrize("quality", ROWS)
@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_signal_to_noise(in_rate: int, out_rate: int, quality: str) -> None:
    for frequency in TONES:
        amplitude, rest = fit(*tone_through(in_rate, out_rate, quality, frequency), frequency)
        assert db(amplitude / np.sqrt(2) / rest) >= 90, frequency


@pytest.mark.parametrize("quality", ROWS)
@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_flat_to_the_edge(in_rate: int, out_rate: int, quality: str) -> None:
    edge, tolerance, _ = ROWS[quality]
    for fraction in (0.003, 0.02, 0.1, 0.2, *np.linspace(0.3, 0.999, 25)):
        frequency = fraction * edge * min(in_rate, out_rate)
        amplitude, _ = fit(*tone_through(in_rate, out_rate, quality, frequency), frequency)
        assert abs(db(amplitude / AMPLITUDE)) <= tolerance, frequency


@pytest.mark.parametrize("quality", ROWS)
@pytest.mark.parametrize(("in_rate", "out_rate"), [r for r in RATES if r[0] > 1.2 * r[1]])
def test_aliases_are_at_the_floor(in_rate: int, out_rate: int, quality: str) -> None:
    start = ROWS[quality][2] * out_rate
    for fraction in (0.0, *np.linspace(0.003, 0.9, 21)):
        frequency = start + 0.7 + fraction * (in_rate / 2 - start - 1)
        output, _ = tone_through(in_rate, out_rate, quality, frequency)
        assert db(float(np.std(output)) * np.sqrt(2) / 32768) <= -93.5, frequency


def fine_rows(table: FilterTable) -> Floats:
    """The rows the outputs see: an interpolated table's, and three between two of them."""
    taps = table.taps.astype(np.float64)
    if not table.interpolated:
        return taps
    weights = np.arange(4)[:, None, None] / 4
    between = taps[:-1] * (1 - weights) + taps[1:] * weights
    return between.transpose(1, 0, 2).reshape(-1, taps.shape[1])


def table_response(in_rate: int, out_rate: int, quality: str) -> tuple[Floats, Floats]:
    """Frequencies and the integer table's own response in dB; no output rounding hides its stop band."""
    table = filter_table(in_rate, out_rate, quality)
    taps = fine_rows(table)
    phases, n_taps = taps.shape
    place = (np.arange(n_taps)[None, :] + 1) * phases - 1 - np.arange(phases)[:, None]
    impulse = np.zeros(phases * n_taps)  # the filter at the common multiple of the rates
    impulse[place] = taps / (phases * 2.0**table.shift)
    size = 8 * max(len(impulse), 1000)
    levels = np.abs(np.fft.rfft(impulse, size))
    return np.arange(len(levels)) * (in_rate * phases / size), 20 * np.log10(np.maximum(levels, 1e-9))


@pytest.mark.parametrize(("quality", "rejection"), [("fast", 80), ("balanced", 95), ("best", 95)])
@pytest.mark.parametrize(("in_rate", "out_rate"), RATES)
def test_rejection_of_the_table(in_rate: int, out_rate: int, quality: str, rejection: float) -> None:
    frequencies, levels = table_response(in_rate, out_rate, quality)
    stop = frequencies >= ROWS[quality][2] * min(in_rate, out_rate)
    assert stop.sum() > 300
    assert levels[stop].max() <= -rejection
