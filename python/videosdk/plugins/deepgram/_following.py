"""Converts a stream to what was declared to Deepgram, also when the stream's own format changes."""

from __future__ import annotations

from collections.abc import Callable

from speechwire.audio import PcmPipeline

from ._adapt import logger
from ._wire import WireFormat

__all__ = ["FollowingPipeline", "conversion"]


class FollowingPipeline:
    """A `PcmPipeline` that is exchanged when the format of its input changes.

    What Deepgram was told at the handshake stays true: only the input side changes. The old format's last
    samples are sent before the first of the new one.

    Args:
        find_format: Returns the format of a frame of so many bytes that has just arrived.
        out_rate: Hz, what was declared.
        chunk_ms: Length of the chunks to send.
        quality: Preset of the conversion.
    """

    def __init__(
        self, find_format: Callable[[int], WireFormat], *, out_rate: int, chunk_ms: int, quality: str
    ) -> None:
        self._find_format = find_format
        self._out_rate = out_rate
        self._chunk_ms = chunk_ms
        self._quality = quality
        self._format: WireFormat | None = None
        self._pipeline: PcmPipeline | None = None

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Return the whole chunks that ``pcm`` completes."""
        format = self._find_format(len(pcm))
        if self._pipeline is not None and (format is self._format or format == self._format):
            return self._pipeline.push(pcm)
        rest = self.flush()
        return [*rest, *self._exchange(format).push(pcm)]

    def flush(self) -> list[bytes]:
        """Return what is left: the filter's tail and the last, partial chunk."""
        return self._pipeline.flush() if self._pipeline is not None else []

    def _exchange(self, format: WireFormat) -> PcmPipeline:
        if self._format is not None:
            logger.info("the input changed from %s to %s", self._format, format)
        self._format = format
        self._pipeline = conversion(format, self._out_rate, self._chunk_ms, self._quality)
        return self._pipeline


def conversion(format: WireFormat, out_rate: int, chunk_ms: int, quality: str) -> PcmPipeline:
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
