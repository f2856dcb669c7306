"""The audio of a call, from the push until the server acknowledges it. Without a clock and without tasks."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from speechwire.server.own_socket.messages import AudioFormat

__all__ = ["AudioLog", "Chunk"]

_CHUNK_BYTES: Final = 32_768
_ROUNDING_S: Final = 1e-6  # the rounding error of a sum of many durations


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Whole samples and the position of the first."""

    sample: int
    format: AudioFormat
    data: bytes

    @property
    def samples(self) -> int:
        """The number of samples of each channel."""
        return len(self.data) // self.format.frame_bytes

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.sample + self.samples

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.samples / self.format.sample_rate


class AudioLog:
    """A bounded FIFO that can be read again from the first sample that was not acknowledged.

    Args:
        format: The first format of the audio.
        limit_s: The most audio kept, in seconds; beyond it the oldest is dropped.

    Attributes:
        end: Position after the last sample.
        kept_s: Seconds of audio kept.
    """

    def __init__(self, format: AudioFormat, limit_s: float) -> None:
        self.end = 0
        self.kept_s = 0.0
        self._format = format
        self._limit_s = limit_s
        self._rest = b""  # the first bytes of an incomplete sample
        self._chunks: deque[Chunk] = deque()
        self._taken = 0  # chunks handed out

    @property
    def format(self) -> AudioFormat:
        """The format of the audio that is pushed next."""
        return self._format

    @property
    def begin(self) -> int:
        """Position of the first sample kept."""
        return self._chunks[0].sample if self._chunks else self.end

    @property
    def first(self) -> Chunk | None:
        """The oldest chunk kept."""
        return self._chunks[0] if self._chunks else None

    @property
    def taken_s(self) -> float:
        """Seconds of audio kept that :meth:`take` has handed out."""
        return sum(self._chunks[at].seconds for at in range(self._taken))

    def push(self, pcm: bytes) -> float:
        """Append audio, cut anywhere; return how many seconds of unsent audio were dropped to make room."""
        data = self._rest + pcm if self._rest else pcm
        size = self._format.frame_bytes
        whole = len(data) - len(data) % size
        self._rest = bytes(data[whole:])
        step = _CHUNK_BYTES - _CHUNK_BYTES % size
        for at in range(0, whole, step):
            self._append(bytes(data[at : min(at + step, whole)]))
        return self._shrink()

    def change_format(self, format: AudioFormat) -> None:
        """Set the format of the audio pushed from here on. An incomplete sample is dropped."""
        self._rest = b""
        self._format = format

    def peek(self) -> Chunk | None:
        """The next chunk to send, or ``None``."""
        return None if self._taken == len(self._chunks) else self._chunks[self._taken]

    def take(self) -> None:
        """Mark the chunk of :meth:`peek` as handed out."""
        self._taken += 1

    def rewind(self) -> None:
        """Start handing out again from the first sample kept."""
        self._taken = 0

    def acknowledge(self, sample: int) -> None:
        """Drop the audio before this position that was handed out."""
        while self._taken and self._chunks[0].end <= sample:
            self._drop_first()
        if self._taken and self._chunks[0].sample < sample:
            self._cut_first(sample)

    def _append(self, data: bytes) -> None:
        chunk = Chunk(self.end, self._format, data)
        self._chunks.append(chunk)
        self.end = chunk.end
        self.kept_s += chunk.seconds

    def _shrink(self) -> float:
        lost_s = 0.0
        while self.kept_s > self._limit_s + _ROUNDING_S and len(self._chunks) > 1:
            if self._taken == 0:
                lost_s += self._chunks[0].seconds
            self._drop_first()
        return lost_s

    def _drop_first(self) -> None:
        self.kept_s -= self._chunks.popleft().seconds
        self._taken = max(self._taken - 1, 0)

    def _cut_first(self, sample: int) -> None:
        first = self._chunks[0]
        data = first.data[(sample - first.sample) * first.format.frame_bytes :]
        self._chunks[0] = Chunk(sample, first.format, data)
        self.kept_s -= first.seconds - self._chunks[0].seconds
