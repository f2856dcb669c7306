"""WAV files in, in blocks that ``PcmPipeline`` takes; WAV files out, whole or not at all.

The standard library's ``wave`` reads no floats, no telephone codings and, before Python 3.12, no extensible
headers, so reading is done here (Microsoft: Multiple Channel Audio Data and WAVE Files; EBU Tech 3306).
"""

from __future__ import annotations

import os
import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from speechwire.cli._files import naming, whole_file

__all__ = ["WavError", "WavReader", "wav_reader", "wav_writer"]

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# Programs that do not know the length, such as ffmpeg and sox into a pipe, write 2 or 4 GiB or a bit less.
_LEAST_UNKNOWN_SIZE = 0x7FFF0000
# What the pipeline takes.
_LOWEST_RATE, _HIGHEST_RATE, _MOST_CHANNELS = 4_000, 192_000, 32
_LARGEST_DATA = 0xFFFFFFFF - 36
_READABLE = "8, 16, 24 and 32 bit PCM, 32 and 64 bit float, mu-law and A-law"


class WavError(ValueError):
    """A file is no WAV file, or none that can be read or written here; the message names it."""


def _from_u8(data: bytes) -> bytes:
    wide = np.frombuffer(data, np.uint8).astype("<i2") - 128
    return bytes((wide << 8).astype("<i2").tobytes())


def _from_s24(data: bytes) -> bytes:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _from_s32(wide.tobytes())


def _from_s32(data: bytes) -> bytes:
    return bytes((np.frombuffer(data, "<i4") / 2.0**31).astype("<f4").tobytes())


def _from_f64(data: bytes) -> bytes:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond full scale is saturated later
        return bytes(np.frombuffer(data, "<f8").astype("<f4").tobytes())


_Convert = Callable[[bytes], bytes]

# By coding and bits: the pipeline's name for the format, and the way there.
_FORMATS: dict[tuple[int, int], tuple[str, _Convert]] = {
    (_PCM, 8): ("s16le", _from_u8),
    (_PCM, 16): ("s16le", bytes),
    (_PCM, 24): ("f32le", _from_s24),
    (_PCM, 32): ("f32le", _from_s32),
    (_FLOAT, 32): ("f32le", bytes),
    (_FLOAT, 64): ("f32le", _from_f64),
    (_ALAW, 8): ("alaw", bytes),
    (_MULAW, 8): ("mulaw", bytes),
}


@dataclass(frozen=True, slots=True)
class WavReader:
    """An open file, at the beginning of its audio.

    Args:
        rate: In Hz.
        channels: Interleaved.
        format: Of the blocks, by ``PcmPipeline``'s names.
        frames: Samples of each channel in the file.
        missing_s: What the header promises and the file does not hold, in seconds.
    """

    rate: int
    channels: int
    format: str
    frames: int
    missing_s: float
    _frame_bytes: int
    _convert: _Convert
    _file: BinaryIO

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def blocks(self, block_s: float) -> Iterator[bytes]:
        """Yield the audio in pieces of this length; the last may be shorter. Reads one at a time."""
        left = self.frames
        per_block = max(1, int(block_s * self.rate))
        while left > 0:
            data = self._file.read(min(left, per_block) * self._frame_bytes)
            whole = len(data) - len(data) % self._frame_bytes
            if not whole:
                return
            left -= whole // self._frame_bytes
            yield self._convert(data[:whole])


@contextmanager
def wav_reader(path: Path) -> Iterator[WavReader]:
    """Open a WAV file.

    Raises:
        WavError: It is none, or of a kind that cannot be read here.
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        try:
            reader = _open(file)
        except (WavError, struct.error) as error:
            why = str(error) if isinstance(error, WavError) else "its header is incomplete"
            raise WavError(
                f"{path}: {why}; readable are WAV files of {_READABLE}:"
                " convert others with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`"
            ) from error
        yield reader


def _open(file: BinaryIO) -> WavReader:
    riff, riff_size, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if riff not in (b"RIFF", b"RF64") or kind != b"WAVE":
        raise WavError("it is not a WAV file")
    coding, channels, rate, bits = 0, 0, 0, 0
    while True:
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"data":
            break
        if name == b"fmt ":
            coding, channels, rate, bits = _format(file.read(size + size % 2))
        else:
            file.seek(size + size % 2, os.SEEK_CUR)
    format, convert = _check(coding, channels, rate, bits)
    frame_bytes = channels * bits // 8
    here = file.tell()
    held = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    if not size and riff_size + 8 <= here:
        size = held  # a recorder that was interrupted: both sizes are those of a file without audio
    missing = size - held if held < size < _LEAST_UNKNOWN_SIZE else 0
    return WavReader(
        rate=rate,
        channels=channels,
        format=format,
        frames=min(size, held) // frame_bytes,
        missing_s=missing / frame_bytes / rate,
        _frame_bytes=frame_bytes,
        _convert=convert,
        _file=file,
    )


def _format(chunk: bytes) -> tuple[int, int, int, int]:
    """Coding, channels, rate and bits of a format chunk."""
    coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if coding == _EXTENSIBLE:
        (coding,) = struct.unpack("<H", chunk[24:26])  # the sub-format's first two bytes
    return coding, channels, rate, bits


def _check(coding: int, channels: int, rate: int, bits: int) -> tuple[str, _Convert]:
    if not channels or not rate:
        raise WavError("its header names no format before the audio")
    if (coding, bits) not in _FORMATS:
        raise WavError(f"its coding (format {coding}, {bits} bits) is not supported")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise WavError(f"its rate is {rate} Hz, not {_LOWEST_RATE} to {_HIGHEST_RATE} Hz")
    if channels > _MOST_CHANNELS:
        raise WavError(f"it has {channels} channels, more than {_MOST_CHANNELS}")
    return _FORMATS[coding, bits]


@contextmanager
def wav_writer(path: Path, rate: int) -> Iterator[Callable[[bytes], None]]:
    """Write mono 16 bit PCM; the file takes its name when it is complete, and vanishes if it does not get so.

    Yields:
        A function that appends samples.

    Raises:
        WavError: It would be larger than 4 GiB.
        OSError: It cannot be written.
    """
    with whole_file(path) as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        yield _bounded(path, wav)


def _bounded(path: Path, wav: wave.Wave_write) -> Callable[[bytes], None]:
    def append(pcm: bytes) -> None:
        if wav.tell() * 2 + len(pcm) > _LARGEST_DATA:
            raise WavError(f"{path}: the audio is larger than the 4 GiB of a WAV file; split the input")
        with naming(path):
            wav.writeframesraw(pcm)

    return append
