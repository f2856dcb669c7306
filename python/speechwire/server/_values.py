"""The base classes of the values between codecs and calls, and the format of audio."""

from __future__ import annotations

import msgspec

__all__ = ["AudioFormat", "Record", "Value"]


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the values that hold no containers; the garbage collector does not track them."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the values that hold containers."""


class AudioFormat(Value, frozen=True, kw_only=True):
    """The format of audio: interleaved samples without a header.

    Attributes:
        encoding: ``s16le``, ``mulaw``, ``alaw`` or ``f32le``: the names of
            :class:`speechwire.audio.PcmPipeline`.
        sample_rate: In Hz, 4000 to 192000.
        channels: 1 to 32.
    """

    encoding: str = "s16le"
    sample_rate: int = 16000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: one sample of each channel."""
        return {"s16le": 2, "f32le": 4}.get(self.encoding, 1) * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.frame_bytes * self.sample_rate
