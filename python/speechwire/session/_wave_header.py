"""Removes a WAVE header that some gateways put before headerless audio."""

from __future__ import annotations

from typing import Final

__all__ = ["WaveHeader"]

_LONGEST_BYTES: Final = 1 << 20
_MAGIC: Final = (b"RIFF", b"RF64")
_FORM: Final = b"WAVE"
_FORM_AT: Final = 8
_CHUNKS_AT: Final = 12
_CHUNK_HEADER_BYTES: Final = 8
_FORMAT_BYTES: Final = 16


class WaveHeader:
    """Removes a RIFF/WAVE header from the beginning of an audio stream, and nothing else.

    A header begins with ``RIFF`` or ``RF64`` and ``WAVE``. Well-formed chunks follow, one of them ``fmt``, up
    to the ``data`` chunk, within 1 MiB. While the bytes may still be a header, they are held back.
    """

    __slots__ = ("_chunk_at", "_decided", "_has_format", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        self._chunk_at = 0
        self._has_format = False
        self._decided = False

    def take(self, data: bytes) -> bytes:
        """Take bytes of the stream; return the audio in them and in bytes held back before."""
        if self._decided:
            return data
        self._held += data
        end = self._end()
        return b"" if end is None else self._release(end)

    def finish(self) -> bytes:
        """Return bytes held back, at the end of the stream: an incomplete header counts as audio."""
        return self._release(0)

    def _release(self, begin: int) -> bytes:
        self._decided = True
        held, self._held = bytes(self._held[begin:]), bytearray()
        return held

    def _end(self) -> int | None:
        """The length of the header; 0 if there is none, ``None`` while more bytes are needed to decide."""
        if not self._chunk_at:
            if not _may_begin(self._held):
                return 0
            if len(self._held) < _CHUNKS_AT:
                return None
            self._chunk_at = _CHUNKS_AT
        while self._chunk_at <= _LONGEST_BYTES:
            chunk = self._held[self._chunk_at : self._chunk_at + _CHUNK_HEADER_BYTES]
            if len(chunk) < _CHUNK_HEADER_BYTES:
                return None
            if not self._take_chunk(bytes(chunk[:4]), int.from_bytes(chunk[4:], "little")):
                return self._chunk_at + _CHUNK_HEADER_BYTES if self._is_audio(chunk) else 0
        return 0

    def _take_chunk(self, name: bytes, size: int) -> bool:
        """Skip one chunk; return false where the header ends, valid or not."""
        is_format = name == b"fmt "
        if name == b"data" or not all(0x20 <= byte < 0x7F for byte in name):
            return False
        if is_format and size < _FORMAT_BYTES:
            return False
        self._has_format = self._has_format or is_format
        self._chunk_at += _CHUNK_HEADER_BYTES + size + size % 2
        return True

    def _is_audio(self, chunk: bytearray) -> bool:
        return self._has_format and chunk[:4] == b"data"


def _may_begin(held: bytearray) -> bool:
    """Whether these bytes may be the beginning of a header."""
    begins = any(magic.startswith(held[:4]) for magic in _MAGIC)
    return begins and _FORM.startswith(held[_FORM_AT:_CHUNKS_AT])
