"""Many pipelines in one call, and one pipeline from many threads."""

from __future__ import annotations

import multiprocessing
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import numpy as np
import pytest

from speechwire.audio import PcmPipeline, engine_name, push_many
from speechwire.audio._select import load_native
from speechwire.errors import InvalidArgument, InvalidArgumentType

Build = Callable[..., PcmPipeline]
ENGINES = ["numpy"] if engine_name() == "numpy" else ["numpy", "native"]


def noise(size: int, seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


def streams(engine: str, count: int) -> list[PcmPipeline]:
    rates = (48_000, 44_100, 8_000, 16_000)
    return [PcmPipeline(rates[i % 4], channels=1 + i % 2, chunk_ms=20, engine=engine) for i in range(count)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 150])
def test_many_is_one_by_one(engine: str, count: int) -> None:
    together, apart = streams(engine, count), streams(engine, count)
    sizes = random.Random(count)
    for step in range(5):
        frames = [noise(sizes.randrange(0, 7000), 1000 * step + i) for i in range(count)]
        expected = [pipeline.push(frame) for pipeline, frame in zip(apart, frames, strict=True)]
        assert push_many(together, frames) == expected
    assert [pipeline.flush() for pipeline in together] == [pipeline.flush() for pipeline in apart]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pipeline_may_come_twice(engine: str) -> None:
    together, apart = streams(engine, 1)[0], streams(engine, 1)[0]
    frames = [noise(4001, i) for i in range(120)]  # enough to be split over the cores
    assert push_many([together] * 120, frames) == [apart.push(frame) for frame in frames]


@pytest.mark.parametrize("engine", ENGINES)
def test_mutable_frames(engine: str) -> None:
    together, apart = streams(engine, 100), streams(engine, 100)
    frames = [bytearray(noise(4000, i)) for i in range(100)]
    assert push_many(together, frames) == [p.push(f) for p, f in zip(apart, frames, strict=True)]


def test_both_engines_in_one_call() -> None:
    pipelines = [PcmPipeline(engine=engine, chunk_ms=20) for engine in ENGINES]
    results = push_many(pipelines, [noise(9000, 1)] * len(pipelines))
    assert results[0] == results[-1] != []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_frame_leaves_all_as_they_were(engine: str) -> None:
    pipelines = streams(engine, 3)
    with pytest.raises(InvalidArgumentType, match="^pcm must be a C-contiguous bytes-like object, got str$"):
        push_many(pipelines, [noise(4000, 1), noise(4000, 2), "text"])  # type: ignore[list-item]
    assert [pipeline.flush() for pipeline in pipelines] == [[], [], []]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_fit_is_refused(engine: str) -> None:
    pipelines = streams(engine, 2)
    with pytest.raises(InvalidArgument, match="^frames must be as many as there are pipelines, 2, got 1$"):
        push_many(pipelines, [b""])
    with pytest.raises(InvalidArgumentType, match="^pipelines must be a sequence of PcmPipeline, got str$"):
        push_many([pipelines[0], "x"], [b"", b""])  # type: ignore[list-item]


@pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not installed")
@pytest.mark.parametrize("count", [1, 2, 150])
def test_native_pipelines_are_pushed_by_the_native_call(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    native, given = load_native(), []
    push_natively = native.push_many

    def spy(*arguments: object) -> object:
        given.append(push_natively(*arguments))
        return given[-1]

    monkeypatch.setattr(native, "push_many", spy)
    got = push_many(streams("native", count), [noise(9000, i) for i in range(count)])
    assert len(given) == 1
    assert given[0] is got is not None


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


@pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not installed")
def test_much_work_lets_go_of_the_interpreter() -> None:
    """The other thread may wake too late on a busy machine, so there are more chances than it needs."""
    pipelines, frames = streams("native", 16), [bytes(1 << 20)] * 16
    works: list[Callable[[], object]] = [
        lambda: push_many(pipelines, frames),
        lambda: pipelines[0].push(bytes(1 << 24)),
    ]
    for work in works:
        assert any(another_thread_runs_during(work) for _ in range(100))


@pytest.mark.skipif("native" not in ENGINES, reason="the native engine is not installed")
def test_little_work_keeps_the_interpreter() -> None:
    """To wait for a busy thread takes milliseconds, far longer than the work."""
    pipelines, frames = streams("native", 16), [noise(3840, i) for i in range(16)]
    assert not any(another_thread_runs_during(lambda: push_many(pipelines, frames)) for _ in range(20))
    assert not any(another_thread_runs_during(lambda: pipelines[0].push(frames[0])) for _ in range(20))


def test_threads_on_one_pipeline_are_serialized(build: Build) -> None:
    """Frames of one constant each: were a state torn, or two pushes mixed, another number would come out."""
    pipeline = build(in_rate=16_000, out_rate=16_000, channels=1, chunk_ms=10)
    frames = [np.full(160, value, "<i2").tobytes() for value in range(400)]
    with ThreadPoolExecutor(8) as threads:
        chunks = [chunk for result in threads.map(pipeline.push, frames) for chunk in result]
    assert sorted(chunks) == sorted(frames)
    assert pipeline.flush() == []


def test_threads_on_a_filter_and_on_many(build: Build) -> None:
    """Equal frames in any order give the same stream, pushed alone, detached or together."""
    frame = noise(3840, 1) * 100
    pipeline, alone = build(), build()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            singles = threads.map(lambda _: pipeline.push(frame), range(20))
            many = threads.map(lambda _: push_many([pipeline, build()], [frame, frame])[0], range(20))
            got = [chunk for result in [*singles, *many] for chunk in result]
    finally:
        sys.setswitchinterval(interval)
    assert sorted(got) == sorted(chunk for _ in range(40) for chunk in alone.push(frame))
    assert pipeline.flush() == alone.flush()


def _child(result: multiprocessing.connection.Connection) -> None:
    result.send(push_many(streams("native", 100), [noise(4000, i) for i in range(100)]))


@pytest.mark.skipif("native" not in ENGINES or sys.platform == "win32", reason="needs fork and threads")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_its_own_threads() -> None:
    frames = [noise(4000, i) for i in range(100)]
    expected = push_many(streams("native", 100), frames)  # starts the parent's threads
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(sender,))
    child.start()
    assert receiver.poll(30), "the child hangs"
    assert receiver.recv() == expected
    child.join(30)
    assert child.exitcode == 0
