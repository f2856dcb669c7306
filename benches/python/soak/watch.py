"""What the process holds, looked at every few seconds."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Holdings", "Sample", "Watch", "census", "collect", "holdings", "private_kib"]

_CENSUS_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Holdings:
    """What must not grow, and must be gone at the end."""

    tasks: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        at_s: Seconds since the start.
        rss_kib: Resident memory.
        dirty_kib: Of that, what this process has written and shares with nobody. (Clean pages become private
            or shared as other processes come and go.)
        blocks: Blocks of Python's allocator in use: a leak of objects shows here, fragmentation does not.
        tasks: asyncio's.
        descriptors: Open file descriptors.
        threads: Python's.
        objects: What the garbage collector knows; 0 when not counted this time.
        kept_kib: Audio that sessions keep.
        connections: Opened by the pool's sessions so far.
        open_connections: Of those, open now.
        reconnects: Of all listening streams so far.
        throttled: Whether the limiter holds back.
        lag_ms: Greatest lateness of the ticker since the last look.
        cpu: Share of one core since the last look.
    """

    at_s: float
    rss_kib: int
    dirty_kib: int
    blocks: int
    tasks: int
    descriptors: int
    threads: int
    objects: int
    kept_kib: int
    connections: int
    open_connections: int
    reconnects: int
    throttled: bool
    lag_ms: float
    cpu: float


@dataclass
class Watch:
    """Samples, and how many objects of each type there were early and late.

    Attributes:
        samples: In order of time.
        first_census: Objects by type after the warm-up.
        last_census: The same at the last count.
    """

    warm_up_s: float
    samples: list[Sample] = field(default_factory=list)
    first_census: Counter[str] = field(default_factory=Counter)
    last_census: Counter[str] = field(default_factory=Counter)
    _began_s: float = field(default_factory=time.monotonic)
    _cpu: tuple[float, float] = (0.0, 0.0)
    _counted_s: float = -_CENSUS_EVERY_S

    def take(
        self,
        *,
        kept_bytes: int,
        connections: int,
        open_connections: int,
        reconnects: int,
        throttled: bool,
        lag_s: float,
    ) -> Sample:
        """Look once. Every minute garbage is collected and the rest counted, which holds the loop up."""
        at_s, held = time.monotonic() - self._began_s, holdings()
        objects = self._count_if_due(at_s)
        rss_kib, dirty_kib = _memory_kib()
        sample = Sample(
            at_s=at_s,
            rss_kib=rss_kib,
            dirty_kib=dirty_kib,
            blocks=sys.getallocatedblocks(),
            tasks=held.tasks,
            descriptors=held.descriptors,
            threads=held.threads,
            objects=objects,
            kept_kib=kept_bytes // 1024,
            connections=connections,
            open_connections=open_connections,
            reconnects=reconnects,
            throttled=throttled,
            lag_ms=lag_s * 1000,
            cpu=self._cpu_share(at_s),
        )
        self.samples.append(sample)
        return sample

    def _count_if_due(self, at_s: float) -> int:
        if at_s - self._counted_s < _CENSUS_EVERY_S:
            return 0
        self._counted_s = at_s
        collect()
        self.last_census = census()
        if not self.first_census and at_s >= self.warm_up_s:
            self.first_census = self.last_census
        return self.last_census.total()

    def _cpu_share(self, at_s: float) -> float:
        before_s, before_cpu_s = self._cpu
        self._cpu = (at_s, time.process_time())
        return (self._cpu[1] - before_cpu_s) / max(at_s - before_s, 1e-3) if before_s else 0.0

    def growth(self, most: int = 10) -> list[tuple[str, int, int]]:
        """The types that grew most since the warm-up: name, then and now."""
        grown = self.last_census - self.first_census
        return [
            (name, self.first_census[name], self.last_census[name]) for name, _ in grown.most_common(most)
        ]


def holdings() -> Holdings:
    """Count what is held now."""
    return Holdings(
        tasks=len(asyncio.all_tasks()),
        descriptors=len(os.listdir("/proc/self/fd")) - 1,  # one is this listing's own
        threads=threading.active_count(),
    )


def collect() -> None:
    """Free what nobody holds, and give it back: both else happen at moments of their own."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def census() -> Counter[str]:
    """Objects by type, of those that the garbage collector tracks and that were not frozen."""
    types = Counter(map(type, gc.get_objects()))
    census: Counter[str] = Counter()
    for kind, count in types.items():
        census[f"{kind.__module__}.{kind.__qualname__}"] += count
    return census


def private_kib() -> int:
    """Memory that this process has written and shares with nobody, in KiB."""
    return _memory_kib()[1]


def _memory_kib() -> tuple[int, int]:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kib = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return kib["Rss"], kib["Private_Dirty"]
