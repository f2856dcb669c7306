"""From a stream's format to the one declared to Deepgram."""

from __future__ import annotations

from speechwire.audio import PcmPipeline

from ._wire import WireFormat

__all__ = ["conversion"]


def conversion(wire: WireFormat, out_rate: int, chunk_ms: int, quality: str) -> PcmPipeline:
    """Return the pipeline from ``wire`` to mono at ``out_rate``.

    Raises:
        InvalidArgument: One of them is out of its range.
    """
    return PcmPipeline(
        in_rate=wire.sample_rate,
        out_rate=out_rate,
        channels=wire.channels,
        chunk_ms=chunk_ms,
        quality=quality,
    )
