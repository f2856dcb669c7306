"""WAV files read in blocks that ``PcmPipeline`` takes, from a pipe as well, and WAV files written.

The standard library's ``wave`` reads no floats, no telephone codings, nothing of unknown length and, before
Python 3.12, no extensible headers, so both is done here (Microsoft: Multiple Channel Audio Data and WAVE
Files; EBU Tech 3306).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from speechwire.cli._audio import AudioReader
from speechwire.cli._failures import OutputError
from speechwire.cli._files import ByteSink

__all__ = ["SIGNATURE_BYTES", "UnsupportedWav", "WavError", "is_wav", "read_exactly", "read_wav", "write_wav"]

SIGNATURE_BYTES = 12
"""The first bytes of a file that show whether it is a WAV file."""

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# Programs that do not know the length, such as ffmpeg and sox into a pipe, write 2 or 4 GiB or a bit less.
_LEAST_UNKNOWN_SIZE = 0x7FFF0000
_UNKNOWN_SIZE = 0xFFFFFFFF
_LARGEST_DATA = 0xFFFFFFFF - 36
_SKIP_BYTES = 1 << 16
_LONGEST_FORMAT = 4096


class WavError(ValueError):
    """A WAV file that cannot be read; the message says why."""


class UnsupportedWav(WavError):
    """A coding that other decoders may know."""


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
class _Format:
    coding: int = 0
    channels: int = 0
    rate: int = 0
    bits: int = 0

    @property
    def stored_bits(self) -> int:
        """20 bits are stored in 24."""
        return -(-self.bits // 8) * 8

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.stored_bits // 8


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much audio there is: bytes to read at most, and bytes that are promised; ``None`` if unknown."""

    at_most: int | None
    promised: int | None


# Reading


def is_wav(signature: bytes) -> bool:
    """Whether a file that begins so is a WAV file."""
    return signature[:4] in (b"RIFF", b"RF64", b"BW64") and signature[8:12] == b"WAVE"


def read_wav(name: str, signature: bytes, file: BinaryIO, *, regular: bool) -> AudioReader:
    """Read a header; blocks while a pipe does not deliver it.

    Args:
        name: As it is shown.
        signature: The first `SIGNATURE_BYTES`, read already.
        file: Behind them; unbuffered is fine.
        regular: Whether it is a regular file, whose length can be known.

    Raises:
        UnsupportedWav: Its coding is none of those read here.
        WavError: It is damaged.
        OSError: It cannot be read.
    """
    (riff_size,) = struct.unpack("<I", signature[4:8])
    try:
        format, size, position = _chunks(file, regular=regular)
    except struct.error as error:
        raise WavError("its header is incomplete") from error
    convert = _checked(format)
    if not size and (riff_size + 8 <= position or riff_size >= _LEAST_UNKNOWN_SIZE):
        # A recorder that was interrupted, or that writes into a pipe: sizes of a file without audio.
        extent = _Extent(None, None)
    elif size >= _LEAST_UNKNOWN_SIZE:
        extent = _Extent(None if size == _UNKNOWN_SIZE else size, None)
    else:
        extent = _Extent(size, size)
    if regular and extent.promised is None:
        held = os.fstat(file.fileno()).st_size - position
        extent = _Extent(extent.at_most, min(held, extent.at_most or held))
    return AudioReader(
        name=name,
        kind=f"WAV, {format.rate} Hz, {format.channels} channels, {format.bits} bits",
        rate=format.rate,
        channels=format.channels,
        format=_FORMATS[format.coding, format.stored_bits][0],
        frames=None if extent.promised is None else extent.promised // format.frame_bytes,
        read=lambda frames: _blocks(file, extent.at_most, frames * format.frame_bytes, format, convert),
    )


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end of the file; a pipe may deliver them in pieces."""
    pieces = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _chunks(file: BinaryIO, *, regular: bool) -> tuple[_Format, int, int]:
    """Read up to the audio: its format, the size of its chunk, and where it begins."""
    format, large, position = _Format(), 0, SIGNATURE_BYTES
    while True:
        name, size = struct.unpack("<4sI", read_exactly(file, 8))
        position += 8
        if name == b"data":
            return format, (large if size == _UNKNOWN_SIZE and large else size), position
        padded = size + size % 2
        content = read_exactly(file, min(padded, _LONGEST_FORMAT)) if name in (b"fmt ", b"ds64") else b""
        if name == b"fmt ":
            format = _format(content)
        elif name == b"ds64":
            (large,) = struct.unpack("<Q", content[8:16])
        _skip(file, padded - len(content), regular=regular)
        position += padded


def _skip(file: BinaryIO, size: int, *, regular: bool) -> None:
    if regular:
        file.seek(size, os.SEEK_CUR)
        return
    while size and (piece := file.read(min(size, _SKIP_BYTES))):
        size -= len(piece)


def _format(chunk: bytes) -> _Format:
    coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if coding == _EXTENSIBLE:
        (coding,) = struct.unpack("<H", chunk[24:26])  # the sub-format's first two bytes
    return _Format(coding, channels, rate, bits)


def _checked(format: _Format) -> _Convert:
    if not format.channels or not format.rate:
        raise WavError("its header names no format before the audio")
    if (format.coding, format.stored_bits) not in _FORMATS or not format.bits:
        raise UnsupportedWav(f"its coding (format {format.coding}, {format.bits} bits) is not supported")
    return _FORMATS[format.coding, format.stored_bits][1]


def _blocks(
    file: BinaryIO, at_most: int | None, block_bytes: int, format: _Format, convert: _Convert
) -> Iterator[bytes]:
    left = at_most
    while left is None or left > 0:
        data = read_exactly(file, block_bytes if left is None else min(block_bytes, left))
        whole = len(data) - len(data) % format.frame_bytes
        if not whole:
            return
        left = None if left is None else left - len(data)
        yield convert(data[:whole])


# Writing


@contextmanager
def write_wav(name: str, sink: ByteSink, rate: int) -> Iterator[Callable[[bytes], None]]:
    """Write mono 16 bit PCM. If the sink cannot seek, the sizes in the header stay unknown, as ffmpeg's do.

    Yields:
        A function that appends samples.

    Raises:
        OutputError: It would be larger than the 4 GiB of a WAV file.
        OSError: It cannot be written.
    """
    sink.write(_header(rate, None))
    written = 0

    def append(pcm: bytes) -> None:
        nonlocal written
        written += len(pcm)
        if sink.seekable and written > _LARGEST_DATA:
            raise OutputError(f"{name}: the audio is larger than the 4 GiB of a WAV file; write FLAC or raw")
        sink.write(pcm)

    yield append
    if sink.seekable:
        sink.overwrite(0, _header(rate, written))


def _header(rate: int, size: int | None) -> bytes:
    riff_size, data_size = (_UNKNOWN_SIZE, _UNKNOWN_SIZE) if size is None else (size + 36, size)
    format = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate, 2 * rate, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE") + format
    return header + struct.pack("<4sI", b"data", data_size)
