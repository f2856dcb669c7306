"""Time per frame. All contenders are measured in turns, in one run, so that a slow spell of the machine meets
them all; the ratios come from the turns' medians, never from separate runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from benches.python.audio.contenders import CHANNELS, FRAME_BYTES, IN_RATE, OUT_RATE, Contender

from speechwire.audio import PcmPipeline

TURN_S = 0.004  # about what one turn takes


def noise(size: int) -> bytes:
    """Full-scale noise."""
    return np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8).tobytes()


def interleaved(calls: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median microseconds of each call."""
    repeats = {name: max(1, int(TURN_S / _once(call))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return {name: float(np.median(values)) * 1e6 for name, values in times.items()}


def _once(call: Callable[[], object]) -> float:
    for _ in range(3):
        call()
    start = time.perf_counter()
    for _ in range(5):
        call()
    return (time.perf_counter() - start) / 5


def per_frame(contenders: Sequence[Contender], turns: int) -> dict[str, float]:
    """Microseconds per 20 ms frame of 48 kHz stereo."""
    frame = noise(FRAME_BYTES)

    def call(contender: Contender) -> Callable[[], object]:
        convert = contender.make(IN_RATE, OUT_RATE)
        return lambda: convert(frame)

    return interleaved({contender.name: call(contender) for contender in contenders}, turns)


def per_kernel(turns: int) -> dict[str, float]:
    """Microseconds per frame of each preset on each code path of this machine, chunks of 100 ms."""
    from speechwire.audio._engines import make_pipeline  # noqa: PLC0415 - the bench looks inside
    from speechwire.audio._select import load_native  # noqa: PLC0415
    from speechwire.audio._settings import Settings  # noqa: PLC0415

    frame = noise(FRAME_BYTES)
    calls: dict[str, Callable[[], object]] = {}
    for quality in ("fast", "balanced", "best"):
        settings = Settings.validated(IN_RATE, OUT_RATE, CHANNELS, 100, quality, "s16le")
        for kernel in load_native().kernels():
            pipeline: Any = make_pipeline(settings, "native", kernel)
            calls[f"{quality}, {kernel}"] = partial(pipeline.push, frame)
    settings = Settings.validated(IN_RATE, IN_RATE, 1, 100, "fast", "s16le")
    empty: Any = make_pipeline(settings, "native")
    calls["(the call alone, no samples)"] = partial(empty.push, b"")
    return interleaved(calls, turns)


def per_length(turns: int) -> dict[float, float]:
    """Nanoseconds per input frame for pushes from 5 ms to 10 s: flat if cost grows linearly."""
    lengths = (0.005, 0.02, 0.1, 1.0, 10.0)
    calls: dict[str, Callable[[], object]] = {}
    for length in lengths:
        push, data = PcmPipeline().push, noise(int(IN_RATE * length) * 2 * CHANNELS)
        calls[str(length)] = partial(push, data)
    times = interleaved(calls, turns)
    return {length: times[str(length)] * 1e3 / (IN_RATE * length) for length in lengths}
