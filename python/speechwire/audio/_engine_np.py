"""The specification of the audio engine, in numpy. The native engine must equal it to the byte.

mono    m = floor(mean of the channels + 1/2)
output  y[j] = saturate((sum_k taps[p][k] * m[n - center + k] + half) >> shift),  j * down = n * up + p

All numbers are integers. They are held in float64, which is exact here (``_taps`` proves it when it makes
a table), because BLAS multiplies float64 fastest.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from speechwire.audio._formats import decode
from speechwire.audio._settings import Settings
from speechwire.audio._taps import FilterTable
from speechwire.errors import InvalidArgumentType

__all__ = ["NumpyPipeline", "as_bytes"]

_Floats = NDArray[np.float64]


class NumpyPipeline:
    """``PcmPipeline`` in numpy. See there for what each method does."""

    engine: ClassVar[str] = "numpy"
    kernel: ClassVar[str] = "numpy"

    def __init__(self, settings: Settings, table: FilterTable) -> None:
        self._settings = settings
        self._table = table
        self._lock = Lock()
        self._forget()

    def __repr__(self) -> str:
        return self._settings.describe(self.engine)

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
            self._convert(self._mono(data))
            return self._whole_chunks()

    def flush(self) -> list[bytes]:
        with self._lock:
            self._convert(np.zeros(self._table.look_ahead))
            chunks = self._whole_chunks()
            rest = bytes(self._output)
            self._forget()
        return [*chunks, rest] if rest else chunks

    def reset(self) -> None:
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._partial = b""
        self._output = bytearray()
        self._history = np.zeros(self._table.center)
        self._start = -self._table.center  # place of the history's first sample in the stream
        self._next = 0  # place of the next output

    def _mono(self, data: bytes) -> _Floats:
        """Take whole frames, keep the rest, and average the channels."""
        stream = self._partial + data
        whole = len(stream) - len(stream) % self._settings.frame_bytes
        self._partial = stream[whole:]
        channels = self._settings.channels
        samples = decode(self._settings.format, stream[:whole])
        if channels == 1:
            return samples
        total = samples.reshape(-1, channels) @ np.ones(channels)
        return np.asarray(np.floor((2 * total + channels) / (2 * channels)))

    def _convert(self, mono: _Floats) -> None:
        """Append to the output all that can be computed now."""
        table = self._table
        history = np.concatenate([self._history, mono])
        known = self._start + len(history) - table.look_ahead
        end = max(self._next, -(-known * table.up // table.down))
        first = self._next - self._next % table.up
        window = first * table.down // table.up - table.center - self._start
        samples = _filtered(table, history[window:], end - first)
        self._output += samples[self._next - first :].tobytes()
        self._next = end
        keep = (end - end % table.up) * table.down // table.up - table.center
        self._history, self._start = history[keep - self._start :], keep

    def _whole_chunks(self) -> list[bytes]:
        size = self.chunk_bytes
        whole = len(self._output) - len(self._output) % size
        chunks = [bytes(self._output[i : i + size]) for i in range(0, whole, size)]
        del self._output[:whole]
        return chunks


def as_bytes(pcm: object) -> bytes:
    """Copy any C-contiguous bytes-like object.

    Raises:
        InvalidArgumentType: It is none.
    """
    try:
        return bytes(np.frombuffer(pcm, np.uint8))  # type: ignore[call-overload]
    except (TypeError, ValueError, BufferError, AttributeError):
        raise InvalidArgumentType("pcm", pcm, "a C-contiguous bytes-like object") from None


def _filtered(table: FilterTable, mono: _Floats, count: int) -> NDArray[np.int16]:
    """The first ``count`` outputs of a mono stream that starts ``center`` samples before output 0."""
    matrix = _banded(table)
    span, per_block = matrix.shape
    stride = per_block * table.down // table.up
    blocks = -(-count // per_block)
    padded = np.zeros(max(0, blocks - 1) * stride + span)
    padded[: len(mono)] = mono[: len(padded)]
    windows = as_strided(padded, (blocks, span), (8 * stride, 8), writeable=False)
    sums = (windows @ matrix).reshape(-1)[:count]
    scaled = np.floor((sums + (1 << table.shift >> 1)) / (1 << table.shift))
    return np.clip(scaled, -32768, 32767).astype("<i2")


@lru_cache(maxsize=32)
def _banded(table: FilterTable) -> _Floats:
    """One block of consecutive outputs as a matrix: column g holds output g's taps at its place."""
    up, n_taps = table.taps.shape
    per_block = up * -(-_BLOCK // up)
    row, phase = np.divmod(np.arange(per_block) * table.down, up)
    matrix = np.zeros((row[-1] + n_taps, per_block))
    matrix[row + np.arange(n_taps)[:, None], np.arange(per_block)] = table.taps[phase].T
    return matrix


_BLOCK = 32  # outputs per block: more would multiply more zeros, fewer would copy more windows
