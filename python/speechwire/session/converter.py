"""Converters from pushed audio to chunks to send."""

from __future__ import annotations

from typing import Final

from speechwire.audio import make_chunker
from speechwire.audio.ring import Converter
from speechwire.errors import InvalidArgument, InvalidArgumentType

__all__ = ["ChunkedPassthrough", "Converter", "Passthrough", "beside_whole_frames"]

_LONGEST_CHUNK_MS: Final = 10_000


class Passthrough:
    """Returns audio unchanged, cut between frames. An incomplete frame waits for the next push.

    Args:
        frame_bytes: Bytes of one frame, over all channels; 1 for compressed audio.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._rest = b""

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Add audio; return all whole frames."""
        if type(pcm) is bytes and not self._rest and len(pcm) % self._frame_bytes == 0:
            return [pcm] if pcm else []
        if not isinstance(pcm, (bytes, bytearray, memoryview)):
            raise InvalidArgumentType("pcm", pcm, "bytes-like")
        data = self._rest + bytes(pcm)
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        return [data[:whole]] if whole else []

    def flush(self) -> list[bytes]:
        """Return an incomplete frame, filled up with zeros."""
        rest, self._rest = self._rest, b""
        return [rest.ljust(self._frame_bytes, b"\0")] if rest else []

    def flush_whole(self) -> list[bytes]:
        """Return nothing: an incomplete frame stays."""
        return []


class ChunkedPassthrough:
    """Returns audio unchanged in chunks of equal length, so that fewer messages are sent.

    Audio waits until its chunk is full, which adds a latency of up to ``chunk_ms`` less the length of a push.

    Args:
        frame_bytes: Bytes of one frame, over all channels.
        sample_rate: Frames per second.
        chunk_ms: Length of the chunks, 1 to 10000 ms, rounded down to whole frames.

    Raises:
        InvalidArgument: ``chunk_ms`` is out of range.
    """

    def __init__(self, frame_bytes: int, sample_rate: int, chunk_ms: int) -> None:
        if type(chunk_ms) is not int or not 1 <= chunk_ms <= _LONGEST_CHUNK_MS:
            raise InvalidArgument("chunk_ms", chunk_ms, f"1 to {_LONGEST_CHUNK_MS} ms")
        self._chunker = chunker = make_chunker(frame_bytes, max(1, sample_rate * chunk_ms // 1000))
        self.push = chunker.push
        """Add audio; return the chunks that are full."""
        self.flush = chunker.flush
        """Return the remaining audio; an incomplete frame is filled up with zeros."""
        self.flush_whole = chunker.flush_whole
        """Return the remaining whole frames; an incomplete frame stays."""


def beside_whole_frames(converter: Converter | None, frame_bytes: int) -> Converter | None:
    """The converter, or ``None`` if it only cuts between frames, which the session does itself."""
    if type(converter) is ChunkedPassthrough:
        return converter._chunker
    is_plain = type(converter) is Passthrough and converter._frame_bytes == frame_bytes
    return None if is_plain else converter
