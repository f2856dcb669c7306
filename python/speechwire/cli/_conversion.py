"""Converts an input to the wanted format, and counts clipped samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from speechwire.audio import PcmPipeline
from speechwire.cli._audio import AudioReader
from speechwire.cli._audio_in import ffmpeg_command
from speechwire.cli._failures import InputError

__all__ = ["ChannelConverter", "ClippingCounter", "Converter", "channel_converter", "mono_converter"]

CHUNK_MS = 100
LOWEST_RATE, _HIGHEST_PIPELINE_RATE, HIGHEST_RATE = 4_000, 192_000, 768_000
_MOST_PIPELINE_CHANNELS = 32
_MOST_SEPARATE_CHANNELS = 20
_DTYPES = {"s16le": "<i2", "f32le": "<f4", "mulaw": "u1", "alaw": "u1"}


class Converter(Protocol):
    """Takes whole frames, returns chunks; what ``PcmPipeline`` does."""

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take audio; return the chunks that are now complete."""

    def flush(self) -> list[bytes]:
        """Return the rest."""


def mono_converter(audio: AudioReader, path: Path, rate: int, *, quality: str = "balanced") -> Converter:
    """All channels mixed to one.

    Raises:
        InputError: The input's rate cannot be converted; the message gives a remedy.
    """
    return _converter(audio, path, rate, audio.channels, quality)


def channel_converter(audio: AudioReader, path: Path, rate: int) -> Converter:
    """Each channel for itself, interleaved.

    Raises:
        InputError: As for `mono_converter`, or there are more channels than the service takes.
    """
    if audio.channels > _MOST_SEPARATE_CHANNELS:
        most = f"--multichannel takes at most {_MOST_SEPARATE_CHANNELS}"
        raise InputError(f"{audio.name}: it has {audio.channels} channels; {most}")
    converters = [_converter(audio, path, rate, 1, "balanced") for _ in range(audio.channels)]
    return ChannelConverter(converters, audio.format)


class ChannelConverter:
    """One converter for each channel.

    Args:
        converters: As many as there are channels, all alike.
        format: Of the samples that are pushed, in whole frames.
    """

    def __init__(self, converters: list[Converter], format: str) -> None:
        self._converters = converters
        self._dtype = np.dtype(_DTYPES[format])

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take whole frames; return interleaved chunks."""
        frames = np.frombuffer(pcm, self._dtype).reshape(-1, len(self._converters))
        numbered = enumerate(self._converters)
        return _interleaved([each.push(frames[:, place].tobytes()) for place, each in numbered])

    def flush(self) -> list[bytes]:
        """Return the rest, interleaved."""
        return _interleaved([converter.flush() for converter in self._converters])


def _interleaved(channels: list[list[bytes]]) -> list[bytes]:
    """Interleave the chunks of several channels; equal converters return chunks of equal length."""
    return list(map(_together, *channels))


def _together(*chunks: bytes) -> bytes:
    return bytes(np.stack([np.frombuffer(chunk, "<i2") for chunk in chunks], axis=1).tobytes())


def _converter(audio: AudioReader, path: Path, rate: int, channels: int, quality: str) -> Converter:
    divisor = -(-audio.rate // _HIGHEST_PIPELINE_RATE)
    if not LOWEST_RATE <= audio.rate <= HIGHEST_RATE or audio.rate % divisor:
        way_out = ffmpeg_command(path, f"-ar {_HIGHEST_PIPELINE_RATE if divisor > 1 else 16_000}")
        allowed = f"{LOWEST_RATE} to {_HIGHEST_PIPELINE_RATE} Hz, or a multiple up to {HIGHEST_RATE} Hz"
        raise InputError(
            f"{audio.name}: its rate is {audio.rate} Hz, not {allowed}; this makes it so: {way_out}"
        )
    first = _mixing(channels, audio.format)
    if divisor > 1:
        # Only the ratio matters to a pipeline.
        before = first(divisor * LOWEST_RATE, LOWEST_RATE, quality)
        return _Chain(before, PcmPipeline(audio.rate // divisor, rate, 1, CHUNK_MS, quality))
    return first(audio.rate, rate, quality)


def _mixing(channels: int, format: str) -> Callable[[int, int, str], Converter]:
    def make(in_rate: int, out_rate: int, quality: str) -> Converter:
        if channels <= _MOST_PIPELINE_CHANNELS:
            return PcmPipeline(in_rate, out_rate, channels, CHUNK_MS, quality, format=format)
        return _Chain(
            _Mix(channels, format), PcmPipeline(in_rate, out_rate, 1, CHUNK_MS, quality, format="f32le")
        )

    return make


class _Chain:
    """One converter behind the other."""

    def __init__(self, first: Converter, second: Converter) -> None:
        self._first = first
        self._second = second

    def push(self, pcm: bytes, /) -> list[bytes]:
        return [chunk for part in self._first.push(pcm) for chunk in self._second.push(part)]

    def flush(self) -> list[bytes]:
        chunks = [chunk for part in self._first.flush() for chunk in self._second.push(part)]
        return [*chunks, *self._second.flush()]


class _Mix:
    """The mean of more channels than a pipeline takes."""

    def __init__(self, channels: int, format: str) -> None:
        self._channels = channels
        self._format = format

    def push(self, pcm: bytes, /) -> list[bytes]:
        samples = as_floats(pcm, self._format).clip(-1, 1)  # as a pipeline does, before it takes the mean
        mean = samples.reshape(-1, self._channels).mean(axis=1)
        return [mean.astype("<f4").tobytes()] if mean.size else []

    def flush(self) -> list[bytes]:
        return []


def as_floats(pcm: bytes, format: str) -> NDArray[np.float64]:
    """Samples with full scale 1.0; what is not a number is silence."""
    if format == "f32le":
        with np.errstate(invalid="ignore"):  # signalling not-a-numbers
            return np.nan_to_num(np.frombuffer(pcm, "<f4").astype(np.float64), nan=0.0)
    return np.frombuffer(b"".join(_as_s16(pcm, format)), "<i2").astype(np.float64) / 32768


def _as_s16(pcm: bytes, format: str) -> list[bytes]:
    if format == "s16le":
        return [pcm]
    pipeline = PcmPipeline(8_000, 8_000, 1, CHUNK_MS, format=format)
    return [*pipeline.push(pcm), *pipeline.flush()]


class ClippingCounter:
    """Counts the samples that do not fit into 16 bits, by converting once more at half the level.

    Args:
        audio: What is converted.
        path: Where it is from.
        rate: Of the output, in Hz.
        quality: Of the conversion.

    Attributes:
        clipped: Samples of the output beyond full scale so far.
    """

    def __init__(self, audio: AudioReader, path: Path, rate: int, quality: str) -> None:
        self.clipped = 0
        self._format = audio.format
        halved = AudioReader(audio.name, "", audio.rate, audio.channels, "f32le", None, audio.read)
        self._converter = mono_converter(halved, path, rate, quality=quality)

    def push(self, pcm: bytes) -> None:
        """Take what the other converter takes."""
        halves = (as_floats(pcm, self._format) / 2).clip(-1, 1).astype("<f4").tobytes()
        self._count(self._converter.push(halves))

    def flush(self) -> None:
        """Count what is left."""
        self._count(self._converter.flush())

    def _count(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            # Half of the largest and of the smallest sample, rounded, still fits.
            half = np.frombuffer(chunk, "<i2")
            self.clipped += int(np.count_nonzero((half > 16_384) | (half < -16_384)))
