"""A WAVE header in front of audio that should have none: some gateways put it there."""

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
    """Takes a RIFF/WAVE header off the beginning of a stream of audio, and never anything else.

    A header is what begins with ``RIFF`` or ``RF64`` and ``WAVE`` and goes on in well-formed chunks, a
    ``fmt`` chunk among them, to the ``data`` chunk, within 1 MiB. As long as that is open, the audio is held
    back.
    """

    __slots__ = ("_chunk_at", "_decided", "_has_format", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        self._chunk_at = 0
        self._has_format = False
        self._decided = False

    def take(self, data: bytes) -> bytes:
        """The audio in ``data``, and in what was held back before it."""
        if self._decided:
            return data
        self._held += data
        end = self._end()
        return b"" if end is None else self._release(end)

    def finish(self) -> bytes:
        """What was held back, when nothing follows: a header that never ended is not one."""
        return self._release(0)

    def _release(self, begin: int) -> bytes:
        self._decided = True
        held, self._held = bytes(self._held[begin:]), bytearray()
        return held

    def _end(self) -> int | None:
        """Where the header ends; 0 if there is none, ``None`` while more is needed to tell."""
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
        """Step over one chunk; false where the header ends, well or not."""
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
    """Whether this is the beginning of a header as far as it goes."""
    begins = any(magic.startswith(held[:4]) for magic in _MAGIC)
    return begins and _FORM.startswith(held[_FORM_AT:_CHUNKS_AT])
