"""What turns pushed audio into chunks to send."""

from __future__ import annotations

from typing import Protocol

from speechwire.errors import InvalidArgumentType

__all__ = ["Converter", "Passthrough"]


class Converter(Protocol):
    """A stateful converter; :class:`speechwire.audio.PcmPipeline` is one."""

    def push(self, pcm: bytes, /) -> list[bytes]:
        """Take audio of any length; return zero or more chunks to send."""

    def flush(self) -> list[bytes]:
        """Return what is left, the last chunk perhaps shorter; the converter is then as new."""


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
