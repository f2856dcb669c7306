"""Converts a client's bytes to mono s16le samples, and back.

Decodes only headerless encodings that need no codec, and WAV with 16-bit PCM; the service knows more.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["DECODABLE", "AudioFormat", "Decoder", "Undecodable", "encode"]

DECODABLE = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Bytes per sample of the encodings this emulator decodes."""

_MAX_HEADER = 65_536
_Int16 = npt.NDArray[np.int16]


class Undecodable(Exception):
    """The bytes do not fit the declared format."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the client declared: ``encoding`` is empty for a container."""

    encoding: str
    sample_rate: int
    channels: int = 1


def _mulaw_table() -> _Int16:
    """ITU-T G.711 mu-law, all 256 codes."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> _Int16:
    """ITU-T G.711 A-law, all 256 codes."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code & 0x70) >> 4
    step = (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, step + 8, (step + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_TABLES = {"mulaw": _mulaw_table(), "alaw": _alaw_table()}


class Decoder:
    """Turns a stream of bytes, cut anywhere, into one s16le byte string per channel.

    ``format`` is known at once for headerless audio, and after the header for WAV.
    """

    def __init__(self, declared: AudioFormat) -> None:
        self.format: AudioFormat | None = declared if declared.encoding else None
        self._carry = b""

    def decode(self, data: bytes) -> list[bytes]:
        """Decode all whole frames; an incomplete one waits.

        Returns:
            One byte string per channel; an empty list while the header is incomplete.

        Raises:
            Undecodable: A container other than WAV around 16-bit PCM.
        """
        data = self._carry + data
        if self.format is None:
            self._carry, data = self._read_header(data)
            if self.format is None:
                return []
        size = DECODABLE[self.format.encoding] * self.format.channels
        whole = len(data) - len(data) % size
        self._carry = data[whole:]
        if self.format.encoding == "linear16" and self.format.channels == 1:
            return [data[:whole]]
        samples = _to_int16(data[:whole], self.format.encoding).reshape(-1, self.format.channels)
        return [samples[:, channel].tobytes() for channel in range(self.format.channels)]

    def _read_header(self, data: bytes) -> tuple[bytes, bytes]:
        if len(data) < 12 and b"RIFF".startswith(data[:4]):
            return data, b""
        if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            raise Undecodable  # neither headerless audio with an encoding nor WAV
        at, position = data.find(b"data", 12), data.find(b"fmt ", 12)
        if at < 0 or len(data) < at + 8:
            if len(data) > _MAX_HEADER:
                raise Undecodable  # no audio within the first 64 KiB of the WAV header
            return data, b""
        self._read_format(data[position + 8 : position + 24] if position >= 0 else b"")
        return b"", data[at + 8 :]

    def _read_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise Undecodable  # a WAV header without a format
        code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk)
        if code != 1 or bits != 16 or not 1 <= channels <= 32 or not 4000 <= rate <= 192_000:
            raise Undecodable  # WAV is decoded here only around 16-bit PCM
        self.format = AudioFormat("linear16", rate, channels)


def _to_int16(data: bytes, encoding: str) -> _Int16:
    if encoding in _TABLES:
        return _TABLES[encoding][np.frombuffer(data, np.uint8)]
    if encoding == "linear32":
        floats = np.nan_to_num(np.frombuffer(data, "<f4"))
        clipped: _Int16 = np.clip(np.rint(floats * 32768.0), -32768, 32767).astype(np.int16)
        return clipped
    return np.frombuffer(data, "<i2")


def encode(pcm: bytes, encoding: str) -> bytes:
    """Encode whole s16le samples as ``linear16``, ``mulaw`` or ``alaw``: the code nearest to each sample."""
    if encoding == "linear16":
        return pcm
    codes, edges = _NEAREST[encoding]
    return codes[np.searchsorted(edges, np.frombuffer(pcm, "<i2"))].tobytes()


def _nearest(table: _Int16) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    order = np.argsort(table, kind="stable")
    values = table[order].astype(np.float64)
    return order.astype(np.uint8), (values[1:] + values[:-1]) / 2


_NEAREST = {name: _nearest(table) for name, table in _TABLES.items()}
