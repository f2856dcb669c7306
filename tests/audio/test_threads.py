"""One pipeline from many threads, and when a push lets go of the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import numpy as np
import pytest
from tests.audio.rings import ENGINES, make

from speechwire.audio import PcmPipeline

Build = Callable[..., PcmPipeline]

native_only = pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not installed")


def noise(size: int, seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


def another_thread_runs_during(work: Callable[[], object]) -> bool:
    """True if ``work`` lets go of the interpreter for long enough; no one takes it away here."""
    go, ran = Event(), Event()

    def other() -> None:
        go.wait()
        ran.set()

    thread, interval = Thread(target=other), sys.getswitchinterval()
    thread.start()
    sys.setswitchinterval(1000)
    try:
        go.set()
        work()
        return ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        go.set()
        thread.join()


def pushes(size: int) -> list[Callable[[], object]]:
    """A push of so many bytes: into a pipeline, and into a ring with one."""
    pipeline, pcm = PcmPipeline(engine="native"), bytes(size)
    ring = make("native", frame_bytes=2, converter=PcmPipeline(engine="native"))
    return [lambda: pipeline.push(pcm), lambda: ring.push(pcm, 0.0)]


@native_only
def test_much_work_lets_go_of_the_interpreter() -> None:
    """The other thread may wake too late on a busy machine, so there are more chances than it needs."""
    for push in pushes(1 << 24):
        assert any(another_thread_runs_during(push) for _ in range(100))


@native_only
def test_little_work_keeps_the_interpreter() -> None:
    """To wait for a busy thread takes milliseconds, far longer than the work."""
    for push in pushes(3840):
        assert not any(another_thread_runs_during(push) for _ in range(20))


def test_threads_on_one_pipeline_are_serialized(build: Build) -> None:
    """Frames of one constant each: were a state torn, or two pushes mixed, another number would come out."""
    pipeline = build(in_rate=16_000, out_rate=16_000, channels=1, chunk_ms=10)
    frames = [np.full(160, value, "<i2").tobytes() for value in range(400)]
    with ThreadPoolExecutor(8) as threads:
        chunks = [chunk for result in threads.map(pipeline.push, frames) for chunk in result]
    assert sorted(chunks) == sorted(frames)
    assert pipeline.flush() == []


def test_threads_on_a_filter(build: Build) -> None:
    """Equal frames in any order give the same stream, pushed attached or detached."""
    frames: list[bytes | bytearray] = [bytearray(noise(3840, 1)), noise(3840, 1) * 100]
    pipeline, alone = build(), build()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            results = threads.map(lambda n: pipeline.push(frames[n % 5 == 0]), range(40))
            got = [chunk for result in results for chunk in result]
    finally:
        sys.setswitchinterval(interval)
    count = sum(len(frames[n % 5 == 0]) for n in range(40)) // 3840
    expected = [chunk for _ in range(count) for chunk in alone.push(frames[0])]
    assert sorted(got) == sorted(expected)
    assert pipeline.flush() == alone.flush()
