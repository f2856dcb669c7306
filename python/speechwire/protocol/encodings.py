"""How much room a sample takes on the wire."""

from __future__ import annotations

from typing import Final

__all__ = ["SAMPLE_BYTES"]

SAMPLE_BYTES: Final = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Bytes of a sample, by encoding. Of the others the bytes do not tell how long the audio lasts."""
