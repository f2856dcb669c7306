"""An open audio input, the same for every coding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from speechwire.cli._failures import InputError

__all__ = ["SAMPLE_BYTES", "AudioReader"]

SAMPLE_BYTES = {"s16le": 2, "f32le": 4, "mulaw": 1, "alaw": 1}
"""Bytes of a sample, by ``PcmPipeline``'s names of formats."""


@dataclass(slots=True, eq=False)
class AudioReader:
    """An open input, at the beginning of its audio.

    Args:
        name: The name to show.
        kind: The coding and the reader, in words.
        rate: The sample rate in Hz.
        channels: The number of interleaved channels.
        format: The format of the blocks, by ``PcmPipeline``'s names.
        frames: Samples of each channel by the header; ``None`` if unknown.
        read: Yields the audio in pieces of about the given number of frames.
        frames_read: Samples of each channel read so far.
        damaged: Pieces that could not be decoded and were left out.
    """

    name: str
    kind: str
    rate: int
    channels: int
    format: str
    frames: int | None
    read: Callable[[int], Iterator[bytes]]
    frames_read: int = 0
    damaged: int = 0

    @property
    def duration_s(self) -> float | None:
        """The length that is promised, in seconds."""
        return None if self.frames is None else self.frames / self.rate

    @property
    def read_s(self) -> float:
        """Length of what was read so far, in seconds."""
        return self.frames_read / self.rate

    @property
    def frame_bytes(self) -> int:
        """Bytes of a sample of every channel."""
        return self.channels * SAMPLE_BYTES[self.format]

    def blocks(self, block_s: float) -> Iterator[bytes]:
        """Yield the audio in pieces of about this length, all of whole frames. Reads one at a time.

        Raises:
            InputError: It cannot be read or decoded to its end.
        """
        pieces = self.read(max(1, int(block_s * self.rate)))
        while block := self._next(pieces):
            self.frames_read += len(block) // self.frame_bytes
            yield block
        if self.damaged and not self.frames_read:
            raise InputError(f"{self.name}: nothing of it can be decoded")

    def _next(self, pieces: Iterator[bytes]) -> bytes:
        try:
            return next(pieces, b"")
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror or error}") from error

    def shortcomings(self) -> list[str]:
        """Describe missing and damaged audio, after everything has been read."""
        found = []
        if not self.frames_read:
            found.append("holds no audio")
        missing = (self.frames or 0) - self.frames_read
        if missing > 0 and self.frames_read:
            found.append(f"ends {missing / self.rate:.2f} s early; what is there is used")
        if self.damaged:
            found.append(f"is damaged; {self.damaged} pieces that cannot be decoded were left out")
        return found
