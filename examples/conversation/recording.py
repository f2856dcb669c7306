"""The conversation as a stereo WAV: the caller on the left, the agent on the right."""

from __future__ import annotations

import wave
from functools import cached_property
from pathlib import Path

import numpy as np

from examples.shared.caller import SAMPLE_RATE, Call
from speechwire.audio import PcmPipeline

WAV_RATE = 24_000  # what the framework's output track plays
FRAME_SAMPLES = WAV_RATE // 50


class Recording:
    """Collects what the caller hears, frame by frame, on the caller's clock."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._heard = np.zeros(int(call.duration_s * WAV_RATE) + WAV_RATE, dtype="<i2")
        self._end = 0

    def hear(self, at_s: float, samples: np.ndarray) -> None:
        """Put 20 ms of the agent's audio (mono s16, 24 kHz) where they were heard."""
        start = max(self._end, round(at_s * 50) * FRAME_SAMPLES)
        room = self._heard[start : start + len(samples)]
        room[:] = samples[: len(room)]
        self._end = start + len(room)

    @property
    def agent(self) -> np.ndarray:
        """What the agent was heard to say: mono s16 at 24 kHz, shape (n,)."""
        return self._heard[: int(self._call.duration_s * WAV_RATE)]

    @cached_property
    def caller(self) -> np.ndarray:
        """What the caller said: mono s16 at 24 kHz, shape (n,)."""
        pipeline = PcmPipeline(
            in_rate=SAMPLE_RATE, out_rate=WAV_RATE, channels=1, chunk_ms=100, quality="best"
        )
        chunks = pipeline.push(self._call.mono.tobytes()) + pipeline.flush()
        return np.frombuffer(b"".join(chunks), dtype="<i2")[: len(self.agent)]

    def write(self, path: Path) -> None:
        """Write both as 24 kHz stereo."""
        stereo = np.stack([self.caller, self.agent], axis=1)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(WAV_RATE)
            file.writeframes(stereo.tobytes())


def spans(samples: np.ndarray, *, threshold: int = 400, gap_s: float = 0.5) -> list[tuple[float, float]]:
    """Return the stretches (start_s, end_s) in which ``samples`` (mono s16, 24 kHz) are audible.

    Args:
        samples: Shape (n,).
        threshold: Loudest sample of a 20 ms frame that still counts as silence.
        gap_s: Pauses shorter than this do not end a stretch.
    """
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loud = np.flatnonzero(np.abs(frames.astype(np.int32)).max(axis=1) > threshold) / 50
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > gap_s)
    starts = [loud[0], *loud[breaks + 1]]
    ends = [*loud[breaks], loud[-1]]
    return [(float(start), float(end) + 0.02) for start, end in zip(starts, ends, strict=True)]
