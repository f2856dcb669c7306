"""Input samples of every accepted format, as 16-bit values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode", "g711_table"]

_Floats = NDArray[np.float64]


def decode(format: str, data: bytes) -> _Floats:
    """Whole samples to integers in [-32768, 32767], held in float64.

    ``f32le``: floor(32768 x + 1/2), saturated; not-a-number is silence.
    """
    if format == "s16le":
        return np.frombuffer(data, "<i2").astype(np.float64)
    if format == "f32le":
        with np.errstate(invalid="ignore"):  # signalling not-a-numbers
            wide = np.frombuffer(data, "<f4").astype(np.float64)
        rounded = np.clip(np.floor(wide * 32768.0 + 0.5), -32768, 32767)
        return np.where(np.isnan(wide), 0.0, rounded)
    return g711_table(format)[np.frombuffer(data, np.uint8)]


def g711_table(format: str) -> _Floats:
    """The 256 values of ITU-T G.711, scaled to 16 bits: mu-law by 4 from its 14, A-law by 8 from its 13."""
    return _TABLES[format]


def _mulaw_table() -> _Floats:
    code = ~np.arange(256) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return np.where(code & 0x80, -4, 4) * magnitude.astype(np.float64)


def _alaw_table() -> _Floats:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    linear = 2 * mantissa + 1
    magnitude = np.where(exponent == 0, linear, (linear + 32) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, 8, -8) * magnitude.astype(np.float64)


_TABLES = {"mulaw": _mulaw_table(), "alaw": _alaw_table()}
