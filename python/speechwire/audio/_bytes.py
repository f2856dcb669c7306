"""Reads bytes-like objects that callers push."""

from __future__ import annotations

from speechwire.errors import InvalidArgumentType

__all__ = ["as_bytes", "byte_size"]


def as_bytes(pcm: object) -> bytes:
    """Copy any C-contiguous bytes-like object.

    Raises:
        InvalidArgumentType: `pcm` is not such an object.
    """
    return _view(pcm).tobytes()


def byte_size(pcm: object) -> int:
    """Return how many bytes a C-contiguous bytes-like object has.

    Raises:
        InvalidArgumentType: `pcm` is not such an object.
    """
    return len(pcm) if type(pcm) is bytes else _view(pcm).nbytes


def _view(pcm: object) -> memoryview:
    try:
        view = memoryview(pcm)  # type: ignore[arg-type]  # whether it has a buffer is the question
        if view.c_contiguous:
            return view
    except (TypeError, ValueError, BufferError):
        pass
    raise InvalidArgumentType("pcm", pcm, "a C-contiguous bytes-like object")
