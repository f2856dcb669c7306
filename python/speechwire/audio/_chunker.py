"""Audio as it is, in chunks of one length: the twin of what Rust does, and the choice of one of them."""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

from speechwire.audio._arguments import MOST_FRAME_BYTES
from speechwire.audio._bytes import as_bytes
from speechwire.audio._select import engine_name, load_native
from speechwire.audio._settings import integer
from speechwire.audio.ring import Converter

__all__ = ["Chunker", "PythonChunker", "make_chunker"]

_MOST_CHUNK_FRAMES: Final = 1 << 21  # 10 s at 192 kHz, rounded up


class PythonChunker:
    """Gathers bytes of any number into chunks.

    Args:
        frame_bytes: Bytes of one frame.
        chunk_bytes: Bytes of a chunk, in whole frames.
    """

    __slots__ = ("_chunk_bytes", "_frame_bytes", "_parts", "_size")

    def __init__(self, frame_bytes: int, chunk_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._chunk_bytes = chunk_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Return the chunks that are full now."""
        data = pcm if type(pcm) is bytes else as_bytes(pcm)
        if data:
            self._parts.append(data)
        held, size = self._size + len(data), self._chunk_bytes
        if held < size:
            self._size = held
            return []
        data = b"".join(self._parts)
        whole = held - held % size
        self._hold(data[whole:])
        return [data[at : at + size] for at in range(0, whole, size)]

    def flush(self) -> list[bytes]:
        """Return what is left, a last frame filled up with zeros."""
        left = b"".join(self._parts)
        self._hold(b"")
        return [left + bytes(-len(left) % self._frame_bytes)] if left else []

    def flush_whole(self) -> list[bytes]:
        """Return what is left in whole frames; the rest of a frame stays."""
        data = b"".join(self._parts)
        whole = len(data) - len(data) % self._frame_bytes
        self._hold(data[whole:])
        return [data[:whole]] if whole else []

    def _hold(self, data: bytes) -> None:
        self._parts, self._size = [data] if data else [], len(data)


class Chunker(Converter, Protocol):
    """What both offer. Never waits; allocates what it returns, and a chunk's length at most beside it."""

    def flush_whole(self) -> list[bytes]:
        """Return what is left in whole frames; the rest of a frame stays."""


def make_chunker(frame_bytes: int, chunk_frames: int, engine: str = "auto") -> Chunker:
    """Return an empty one of the chosen engine. A ring of the same engine passes no chunk through Python.

    Args:
        frame_bytes: Bytes of one frame, over all channels, 1 to 65536.
        chunk_frames: Frames of a chunk, 1 to 2097152.
        engine: As in `engine_name`.

    Raises:
        InvalidArgument: An argument is out of its range.
        InvalidArgumentType: An argument has the wrong type.
        EngineUnavailable: The engine asked for cannot be loaded.
    """
    frame_bytes = integer("frame_bytes", frame_bytes, 1, MOST_FRAME_BYTES)
    chunk_bytes = integer("chunk_frames", chunk_frames, 1, _MOST_CHUNK_FRAMES) * frame_bytes
    chunker: Any = PythonChunker if engine_name(engine) == "numpy" else load_native().NativeChunker
    return cast(Chunker, chunker(frame_bytes, chunk_bytes))
