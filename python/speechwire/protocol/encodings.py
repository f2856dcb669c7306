"""The size of a sample, by encoding."""

from __future__ import annotations

from typing import Final

__all__ = ["SAMPLE_BYTES"]

SAMPLE_BYTES: Final = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Bytes of a sample, by encoding. For other encodings the duration cannot be computed from the bytes."""
