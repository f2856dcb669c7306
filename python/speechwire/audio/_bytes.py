"""What a caller may push."""

from __future__ import annotations

from speechwire.errors import InvalidArgumentType

__all__ = ["as_bytes"]


def as_bytes(pcm: object) -> bytes:
    """Copy any C-contiguous bytes-like object.

    Raises:
        InvalidArgumentType: It is none.
    """
    try:
        view = memoryview(pcm)  # type: ignore[arg-type]  # whether it has a buffer is the question
        if view.c_contiguous:
            return view.tobytes()
    except (TypeError, ValueError, BufferError):
        pass
    raise InvalidArgumentType("pcm", pcm, "a C-contiguous bytes-like object")
