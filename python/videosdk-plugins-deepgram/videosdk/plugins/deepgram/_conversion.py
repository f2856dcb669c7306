"""From a stream's format to the one declared to Deepgram."""

from __future__ import annotations

from collections.abc import Sequence

from speechwire.audio import PcmPipeline
from speechwire.session.converter import ChunkedPassthrough, Converter, Passthrough

from ._input import BYTES_PER_SAMPLE, InputFormat

__all__ = ["CONVERTED_CHUNK_MS", "ChannelConverter", "conversion", "conversion_of_channels"]

CONVERTED_CHUNK_MS = 100
"""Length of the chunks of what is converted, where nothing else is asked for."""


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


def conversion_of_channels(
    format: InputFormat, out: InputFormat, chunk_ms: int | None, quality: str, *, separate: bool
) -> Converter:
    """Return what brings ``format`` to ``out``, however many channels they have.

    Args:
        format: What comes in.
        out: What is declared.
        chunk_ms: Length of the chunks. ``None`` sends what needs no conversion as it comes, and the rest in
            chunks of 100 ms.
        quality: Preset of the conversion.
        separate: Whether each channel is recognised by itself: what does not come in as many channels then
            goes into the first, and the others are silent.

    Raises:
        InvalidArgument: One of them is out of its range.
    """
    if format == out:
        return (
            Passthrough(out.frame_bytes)
            if chunk_ms is None
            else ChunkedPassthrough(out.frame_bytes, out.sample_rate, chunk_ms)
        )
    chunk_ms = CONVERTED_CHUNK_MS if chunk_ms is None else chunk_ms
    if out.channels == 1:
        return conversion(format, out.sample_rate, chunk_ms, quality)
    return ChannelConverter(format, out, chunk_ms, quality, separate=separate)


class ChannelConverter:
    """Converts to several channels: one by one where as many come in, else the mean of those that do.

    Arguments are those of `conversion_of_channels`.
    """

    def __init__(
        self, format: InputFormat, out: InputFormat, chunk_ms: int, quality: str, *, separate: bool
    ) -> None:
        one_by_one = format.channels == out.channels
        self._channels = out.channels
        self._filled = 1 if separate else out.channels  # by the mean
        self._cut = Passthrough(out.frame_bytes) if one_by_one else None
        each = InputFormat(format.sample_rate, 1 if one_by_one else format.channels)
        count = out.channels if one_by_one else 1
        self._pipelines = [conversion(each, out.sample_rate, chunk_ms, quality) for _ in range(count)]

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take audio of any length; return zero or more chunks."""
        if self._cut is None:
            return [self._spread(chunk) for chunk in self._pipelines[0].push(pcm)]
        return [chunk for frames in self._cut.push(pcm) for chunk in self._convert(frames)]

    def flush(self) -> list[bytes]:
        """Return what is left; the converter is then as new."""
        if self._cut is None:
            return [self._spread(chunk) for chunk in self._pipelines[0].flush()]
        chunks = [chunk for frames in self._cut.flush() for chunk in self._convert(frames)]
        return chunks + _joined([pipeline.flush() for pipeline in self._pipelines])

    def flush_whole(self) -> list[bytes]:
        """As `flush`, but what is left of an input frame stays."""
        if self._cut is None:
            return [self._spread(chunk) for chunk in self._pipelines[0].flush_whole()]
        return _joined([pipeline.flush() for pipeline in self._pipelines])

    def _convert(self, frames: bytes) -> list[bytes]:
        numbered = enumerate(self._pipelines)
        return _joined([pipeline.push(_channel(frames, n, self._channels)) for n, pipeline in numbered])

    def _spread(self, mono: bytes) -> bytes:
        silence = bytes(len(mono))
        return _interleaved(*(mono if n < self._filled else silence for n in range(self._channels)))


def _joined(apart: Sequence[list[bytes]]) -> list[bytes]:
    """Chunks of each channel as chunks of all."""
    return list(map(_interleaved, *apart))


def _channel(frames: bytes, number: int, channels: int) -> bytes:
    """One channel of interleaved s16le."""
    mono = bytearray(len(frames) // channels)
    step = BYTES_PER_SAMPLE * channels
    for byte in range(BYTES_PER_SAMPLE):
        mono[byte::BYTES_PER_SAMPLE] = frames[BYTES_PER_SAMPLE * number + byte :: step]
    return bytes(mono)


def _interleaved(*channels: bytes) -> bytes:
    """Channels of the same length, s16le, sample by sample."""
    frames = bytearray(sum(map(len, channels)))
    step = BYTES_PER_SAMPLE * len(channels)
    for number, mono in enumerate(channels):
        for byte in range(BYTES_PER_SAMPLE):
            frames[BYTES_PER_SAMPLE * number + byte :: step] = mono[byte::BYTES_PER_SAMPLE]
    return bytes(frames)
