"""From a stream's format to the one declared to Deepgram."""

from __future__ import annotations

from speechwire.audio import PcmPipeline

from ._input import InputFormat

__all__ = ["conversion"]


def conversion(format: InputFormat, out_rate: int, chunk_ms: int, quality: str) -> PcmPipeline:
    """Return the pipeline from ``format`` to mono at ``out_rate``.

    Raises:
        InvalidArgument: One of them is out of its range.
    """
    return PcmPipeline(
        in_rate=format.sample_rate,
        out_rate=out_rate,
        channels=format.channels,
        chunk_ms=chunk_ms,
        quality=quality,
    )
