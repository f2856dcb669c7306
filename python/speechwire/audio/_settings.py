"""The arguments of a pipeline, checked once for both engines."""

from __future__ import annotations

import operator
from collections.abc import Collection
from dataclasses import dataclass
from typing import SupportsIndex

from speechwire.audio._prototypes import PROTOTYPES
from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = ["ENGINES", "FORMATS", "Settings", "integer", "one_of"]

ENGINES = ("auto", "native", "numpy")
FORMATS = {"s16le": 2, "mulaw": 1, "alaw": 1, "f32le": 4}
"""Input formats and their bytes per sample."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The validated arguments of a pipeline."""

    in_rate: int
    out_rate: int
    channels: int
    chunk_ms: int
    quality: str
    format: str

    @classmethod
    def validated(
        cls,
        in_rate: object,
        out_rate: object,
        channels: object,
        chunk_ms: object,
        quality: object,
        format: object,
    ) -> Settings:
        """Check every argument.

        Raises:
            InvalidArgument: An argument is out of its range; the message names the range.
            InvalidArgumentType: An argument has the wrong type.
        """
        return cls(
            in_rate=integer("in_rate", in_rate, 4_000, 192_000, " Hz"),
            out_rate=integer("out_rate", out_rate, 4_000, 192_000, " Hz"),
            channels=integer("channels", channels, 1, 32),
            chunk_ms=integer("chunk_ms", chunk_ms, 1, 10_000, " ms"),
            quality=one_of("quality", quality, PROTOTYPES),
            format=one_of("format", format, FORMATS),
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one input frame: one sample of every channel."""
        return self.channels * FORMATS[self.format]

    @property
    def chunk_samples(self) -> int:
        """Samples of one output chunk; a fraction of a sample is rounded down (22050 Hz, 10 ms: 220)."""
        return self.out_rate * self.chunk_ms // 1000

    def describe(self, engine: str) -> str:
        """Return the pipeline's repr."""
        return (
            f"<PcmPipeline {self.in_rate} Hz x {self.channels} {self.format} -> {self.out_rate} Hz mono,"
            f" {self.chunk_ms} ms chunks, {self.quality}, {engine}>"
        )


def one_of(argument: str, value: object, allowed: Collection[str]) -> str:
    """Return ``value`` if it is one of the allowed words."""
    if not isinstance(value, str):
        raise InvalidArgumentType(argument, value, "a str")
    if value not in allowed:
        raise InvalidArgument(argument, value, "one of " + ", ".join(map(repr, allowed)))
    return value


def integer(argument: str, value: object, low: int, high: int, unit: str = "") -> int:
    """Return ``value`` if it is an int of the range."""
    # The look at what else is an int takes many times as long, and rings check every call.
    number = value if type(value) is int else _index(argument, value)
    if not low <= number <= high:
        raise InvalidArgument(argument, number, f"{low} to {high}{unit}")
    return number


def _index(argument: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise InvalidArgumentType(argument, value, "an int")
    return operator.index(value)
