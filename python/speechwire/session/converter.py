"""What turns pushed audio into chunks to send."""

from __future__ import annotations

from speechwire.audio.ring import Converter
from speechwire.errors import InvalidArgumentType

__all__ = ["Converter", "Passthrough", "beside_whole_frames"]


class Passthrough:
    """Sends audio as it comes, cut between frames: what is left of a frame waits for the next push.

    Args:
        frame_bytes: Bytes of one frame, over all channels; 1 for compressed audio.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._rest = b""

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Return the whole frames there are now."""
        if type(pcm) is bytes and not self._rest and len(pcm) % self._frame_bytes == 0:
            return [pcm] if pcm else []
        if not isinstance(pcm, (bytes, bytearray, memoryview)):
            raise InvalidArgumentType("pcm", pcm, "bytes-like")
        data = self._rest + bytes(pcm)
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        return [data[:whole]] if whole else []

    def flush(self) -> list[bytes]:
        """Return what is left of a frame, filled up with zeros."""
        rest, self._rest = self._rest, b""
        return [rest.ljust(self._frame_bytes, b"\0")] if rest else []


def beside_whole_frames(converter: Converter | None, frame_bytes: int) -> Converter | None:
    """What there is to do beside cutting between frames, which the session does; ``None`` for nothing."""
    is_plain = type(converter) is Passthrough and converter._frame_bytes == frame_bytes
    return None if is_plain else converter
