"""The specification of the audio engine, in numpy. The native engine must give the same bytes.

mono    m = floor(mean of the channels + 1/2)
output  y[j] = saturate((sum_k taps[p][k] * m[n - center + k] + half) >> shift),  j * down = n * up + p

Where ``up`` is too large for one row each, the output is interpolated between two of ``phases`` rows:

place   floor(p * phases * 2**15 / up) = r * 2**15 + w
output  y[j] = saturate((S[r] * (2**15 - w) + S[r + 1] * w + half) >> (shift + 15)),  S as the sum above
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import ClassVar, NoReturn, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from speechwire.audio._bytes import as_bytes
from speechwire.audio._filter_np import NumpyFilter
from speechwire.audio._formats import decode
from speechwire.audio._settings import Settings

__all__ = ["NumpyPipeline"]

_Floats = NDArray[np.float64]

_NO_COPY = (
    "a PcmPipeline cannot be copied or pickled, because it is in the middle of one stream: make another with"
    " the same arguments"
)
_FRAMES_AT_ONCE = 1 << 14  # limits the memory that a push needs besides its input and output


class NumpyPipeline:
    """``PcmPipeline`` in numpy. See there for what each method does."""

    engine: ClassVar[str] = "numpy"
    kernel: ClassVar[str] = "numpy"

    def __init__(self, settings: Settings, filter: NumpyFilter) -> None:
        self._settings = settings
        self._filter = filter
        self._table = filter.table
        self._lock = Lock()
        self._forget()

    def __repr__(self) -> str:
        return self._settings.describe(self.engine)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(_NO_COPY)

    @property
    def interpolated(self) -> bool:
        return self._table.interpolated

    @property
    def latency(self) -> float:
        return self._table.look_ahead / self._settings.in_rate

    @property
    def chunk_bytes(self) -> int:
        return 2 * self._settings.chunk_samples

    @property
    def partial_bytes(self) -> int:
        return len(self._partial)

    def push(self, pcm: object, /) -> list[bytes]:
        data = as_bytes(pcm)
        with self._lock:
            for frames in self._whole_frames(data):
                self._convert(self._mono(frames))
            return self._whole_chunks()

    def flush(self) -> list[bytes]:
        with self._lock:
            return self._flush()

    def flush_whole(self) -> list[bytes]:
        with self._lock:
            return self._flush(self._partial)

    def reset(self) -> None:
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._partial = b""
        self._output = bytearray()
        self._history = np.zeros(self._table.center)
        self._start = -self._table.center  # position of the history's first sample in the stream
        self._next = 0  # index of the next output

    def _flush(self, partial: bytes = b"") -> list[bytes]:
        """End the stream; the next stream begins with the bytes `partial` of an incomplete frame."""
        self._convert(np.zeros(self._table.look_ahead))
        chunks = self._whole_chunks()
        rest = bytes(self._output)
        self._forget()
        self._partial = partial
        return [*chunks, rest] if rest else chunks

    def _whole_frames(self, data: bytes) -> Iterator[bytes]:
        """Cut whole frames into blocks, and keep the rest."""
        stream = self._partial + data
        size = self._settings.frame_bytes
        whole = len(stream) - len(stream) % size
        self._partial = stream[whole:]
        for start in range(0, whole, _FRAMES_AT_ONCE * size):
            yield stream[start : min(start + _FRAMES_AT_ONCE * size, whole)]

    def _mono(self, frames: bytes) -> _Floats:
        """Average the channels."""
        channels = self._settings.channels
        samples = decode(self._settings.format, frames)
        if channels == 1:  # the mean of one takes as long as all the rest
            return samples
        total = samples.reshape(-1, channels) @ np.ones(channels)
        return np.asarray(np.floor((2 * total + channels) / (2 * channels)))

    def _convert(self, mono: _Floats) -> None:
        """Append to the output all that can be computed now."""
        table = self._table
        history = np.concatenate([self._history, mono])
        known = self._start + len(history) - table.look_ahead
        end = max(self._next, -(-known * table.up // table.down))
        first, window, phase = self._aligned(self._next)
        samples = self._filter.outputs(history[window - self._start :], phase, end - first)
        self._output += samples[self._next - first :].tobytes()
        self._next = end
        _, keep, _ = self._aligned(end)
        self._history, self._start = history[keep - self._start :], keep

    def _aligned(self, output: int) -> tuple[int, int, int]:
        """The aligned output to begin with for this one, its window's position, and its phase."""
        first = output - output % self._filter.align
        place, phase = divmod(first * self._table.down, self._table.up)
        return first, place - self._table.center, phase

    def _whole_chunks(self) -> list[bytes]:
        size = self.chunk_bytes
        whole = len(self._output) - len(self._output) % size
        chunks = [bytes(self._output[i : i + size]) for i in range(0, whole, size)]
        del self._output[:whole]
        return chunks
