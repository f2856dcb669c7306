"""Filter tables are shared, and what is kept of them is bounded in bytes."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Thread
from typing import Any

import numpy as np
import pytest

from speechwire.audio import PcmPipeline, _engines
from speechwire.audio._filter_np import numpy_filter
from speechwire.audio._tables import SharedTables
from speechwire.audio._taps import FilterTable, filter_table

Build = Callable[..., PcmPipeline]

MIB = 1 << 20
# The largest tables, found by a search over pairs and presets: with a row for each phase, in numpy's banded
# form, and interpolated.
COSTLY = [(157_104, 4096, "fast"), (98_192, 4096, "balanced"), (10_892, 4096, "best"), (9361, 9362, "fast")]
COSTLY += [(4985, 5120, "fast"), (4905, 5120, "balanced"), (17_280, 4059, "best")]
COSTLY += [(191_999, 4125, "best"), (9361, 9362, "balanced")]


@dataclass(eq=False)
class Table:
    nbytes: int


def make(nbytes: int) -> Callable[[], Table]:
    return lambda: Table(nbytes)


def test_those_used_last_are_kept_up_to_the_limit() -> None:
    tables: SharedTables[Table] = SharedTables(limit_bytes=100)
    first = id(tables.get("a", make(40)))
    tables.get("b", make(40))
    assert id(tables.get("a", make(40))) == first
    tables.get("c", make(40))
    assert tables.kept_bytes == 80
    assert [tables.get(name, make(1)).nbytes for name in "acb"] == [40, 40, 1]


def test_one_in_use_is_never_made_twice() -> None:
    tables: SharedTables[Table] = SharedTables(limit_bytes=10)
    table = tables.get("a", make(40))
    assert tables.kept_bytes == 0
    assert tables.get("a", make(40)) is table
    del table
    assert tables.get("a", make(7)).nbytes == 7


def test_threads_share_one() -> None:
    tables: SharedTables[Table] = SharedTables(limit_bytes=100)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: tables.get("a", make(40)), range(200)))
    assert {id(table) for table in found} == {id(tables.get("a", make(40)))}


def test_a_finalizer_may_ask_for_a_table() -> None:
    """What is let go can run any code, at the worst moment."""
    tables: SharedTables[Table] = SharedTables(limit_bytes=50)

    class Asking(Table):
        def __del__(self) -> None:
            tables.get("another", make(1))

    def ask() -> None:
        tables.get("a", lambda: Asking(40))
        tables.get("b", make(40))

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits for itself"
    assert tables.kept_bytes == 41


TRIES = 5


def least_peak(call: Callable[[], object]) -> int:
    """What a call allocates: numpy's views are in cycles, and an array may last until the next collection."""
    peaks = []
    for _ in range(TRIES):
        gc.collect()
        tracemalloc.start()
        try:
            call()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The tables made since, where none is kept."""
    made: list[tuple[int, int]] = []

    def spy(in_rate: int, out_rate: int, quality: str) -> FilterTable:
        made.append((in_rate, out_rate))
        return filter_table(in_rate, out_rate, quality)

    monkeypatch.setattr(_engines, "filter_table", spy)
    monkeypatch.setattr(_engines, "_TABLES", SharedTables(limit_bytes=0))
    return made


def test_pipelines_of_one_ratio_share_a_table(build: Build, made: list[tuple[int, int]]) -> None:
    first, second = build(in_rate=44_101), build(in_rate=44_101, channels=1)
    third = build(in_rate=88_202, out_rate=32_000)
    assert made == [(44_101, 16_000)]
    del first, second
    gc.collect()
    build(in_rate=44_101)
    assert made == [(44_101, 16_000)]
    del third
    gc.collect()
    build(in_rate=44_101)
    assert made == [(44_101, 16_000)] * 2


@pytest.mark.parametrize(("in_rate", "out_rate"), [(48_000, 16_000), (44_101, 16_000)])
def test_the_bytes_of_a_table_are_those_of_its_arrays(in_rate: int, out_rate: int) -> None:
    """As a matrix, and looked up: what is kept is bounded by this."""
    form = numpy_filter(filter_table(in_rate, out_rate, "balanced"))
    arrays = [each for each in vars(form).values() if isinstance(each, np.ndarray)]
    assert form.nbytes == sum(each.nbytes for each in [*arrays, form.table.taps])


@pytest.mark.parametrize(
    ("in_rate", "out_rate", "quality", "is_matrix"),
    [(4044, 4040, "fast", True), (4016, 4012, "balanced", False), (4800, 4796, "balanced", False)],
)
def test_a_matrix_has_a_million_numbers_at_most(
    in_rate: int, out_rate: int, quality: str, is_matrix: bool
) -> None:
    """They grow with the square of the phases: just below, just above, and half as many again."""
    form = numpy_filter(filter_table(in_rate, out_rate, quality))
    assert form.align == (form.table.up if is_matrix else 1)
    assert (form.nbytes > 7 * MIB) is is_matrix


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_taps_are_looked_up_in_parts_that_a_cache_holds(
    quality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a table with more phases than it has rows: not all at once, and not one by one."""
    form: Any = numpy_filter(filter_table(44_101, 16_000, quality))
    some, parts = form._some, [0]

    def counted(*args: Any) -> Any:
        parts[0] += 1
        return some(*args)

    monkeypatch.setattr(form, "_some", counted)
    mono = np.zeros(46_000)
    assert least_peak(lambda: form.outputs(mono, 0, 16_000)) < MIB
    assert parts[0] < 200 * TRIES


def test_presets_do_not_share(build: Build, made: list[tuple[int, int]]) -> None:
    pipelines = [build(quality=quality) for quality in ("fast", "balanced", "best")]
    assert len(made) == len(pipelines)


def test_what_is_kept_is_bounded(build_on: Build) -> None:
    """More tables of numpy's, which are the larger ones, than are kept."""
    nbytes = 0
    for rate in range(6000, 6260, 2):
        build_on("numpy", in_rate=rate + 1, out_rate=rate)
        nbytes = max(nbytes, next(reversed(_engines._TABLES._kept.values())).nbytes)
    assert 32 * MIB - nbytes < _engines._TABLES.kept_bytes <= 32 * MIB


@pytest.mark.parametrize(("in_rate", "out_rate", "quality"), COSTLY)
def test_a_first_push_takes_little_memory(build: Build, in_rate: int, out_rate: int, quality: str) -> None:
    """What Python and numpy allocate; the next test has the whole process."""
    tracemalloc.start()
    try:
        build(in_rate=in_rate, out_rate=out_rate, quality=quality).push(bytes(in_rate // 50 * 4))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 32 * MIB


@pytest.mark.parametrize(
    ("in_rate", "out_rate", "size"), [(44_101, 16_000, 4 * MIB), (4001, 192_000, MIB // 16)]
)
def test_a_long_push_takes_memory_for_its_bytes_only(
    build: Build, in_rate: int, out_rate: int, size: int
) -> None:
    pipeline, pcm = build(in_rate=in_rate, out_rate=out_rate, quality="fast"), bytes(size)
    tracemalloc.start()
    try:
        pipeline.push(pcm)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 16 * MIB


def test_a_long_push_is_converted_in_parts(build_on: Build) -> None:
    """Half a MiB at once takes 1.4 MB with its copy and its output; in parts of twice the length, 2.1 MB."""
    pipeline, pcm = build_on("numpy", channels=1, quality="fast"), bytes(MIB // 2)
    pipeline.push(pcm[:100])
    assert least_peak(lambda: pipeline.push(pcm)) < 1_750_000


RESIDENT = """
import sys
from pathlib import Path
from speechwire.audio import PcmPipeline

def kib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

def convert(in_rate, out_rate, quality):
    PcmPipeline(in_rate, out_rate, quality=quality, engine=sys.argv[1]).push(bytes(in_rate // 50 * 4))

convert(48_000, 16_000, "best")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kib("VmRSS")
for in_rate, out_rate, quality in eval(sys.argv[2]):
    convert(in_rate, out_rate, quality)
print(kib("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
def test_all_costly_tables_fit_into_64_mib(path: str) -> None:
    command = [sys.executable, "-c", RESIDENT, path.partition("-")[0], repr(COSTLY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) <= 64 * 1024
