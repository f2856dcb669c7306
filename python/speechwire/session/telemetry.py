"""Exports counters to OpenTelemetry, where the application has it."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import suppress
from typing import Any, Final, Protocol

from speechwire.session.metrics import BOUNDS_S, Histogram, ListenStats, SpeakStats
from speechwire.session.pool import PoolStats

__all__ = ["Meter", "SnapshotSource", "export"]

_GAUGES: Final = ("sessions", "open_listen", "open_speak", "buffered_bytes")
_WAIT_S: Final = 0.5

_Callback = Callable[[Any], Iterable[Any]]


class Meter(Protocol):
    """The parts of ``opentelemetry.metrics.Meter`` that are used."""

    def create_observable_counter(self, name: str, callbacks: list[_Callback]) -> Any:
        """See OpenTelemetry."""

    def create_observable_gauge(self, name: str, callbacks: list[_Callback]) -> Any:
        """See OpenTelemetry."""


class SnapshotSource(Protocol):
    """A :class:`speechwire.session.SessionPool`, or anything else with a snapshot."""

    def snapshot(self) -> PoolStats:
        """Return the current counters. Called on the event loop; after its end, on the collecting thread."""


def export(pool: SnapshotSource, meter: Meter | None = None) -> None:
    """Register a pool's counters with OpenTelemetry: ``speechwire.listen.sent_bytes`` and so on.

    Call it on the event loop of the pool's sessions. OpenTelemetry collects on a thread of its own. For each
    collection, the loop takes one snapshot, which all instruments report. The collecting thread waits up to
    0.5 s for it. If the loop is blocked for longer, the newest snapshot is reported again; the first one is
    taken in this call. After the loop was closed, the last values are reported.

    Histograms become counters with an ``le`` attribute, as in Prometheus, and a sum.

    Args:
        pool: The pool to observe. The meter keeps a reference to it.
        meter: By default the application's, from ``opentelemetry.metrics.get_meter("speechwire")``.

    Raises:
        ModuleNotFoundError: ``opentelemetry`` is not installed.
        RuntimeError: No event loop is running.
    """
    api = importlib.import_module("opentelemetry.metrics")
    target: Meter = meter or api.get_meter("speechwire")
    snapshots = _Snapshots(pool)
    for kind, stats in (("listen", ListenStats()), ("speak", SpeakStats())):
        for name, value in stats.items():
            is_histogram = isinstance(value, Histogram)
            _register(target, api.Observation, snapshots, kind, name, is_histogram=is_histogram)
    for name in _GAUGES:
        gauge = f"speechwire.{name}"
        target.create_observable_gauge(gauge, callbacks=[_gauge(api.Observation, snapshots, gauge, name)])


class _Snapshots:
    """One snapshot of a pool for each collection, taken on the event loop and read on any thread.

    OpenTelemetry does not tell a callback when a collection begins. But each collection calls every
    instrument once, on one thread. So an instrument's second call on a thread begins the next collection.
    """

    def __init__(self, pool: SnapshotSource) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._last = pool.snapshot()
        self._lock = threading.Lock()
        self._asked_for: futures.Future[PoolStats] | None = None
        self._collection = threading.local()

    def of(self, instrument: str) -> PoolStats:
        """The snapshot of this thread's collection, for one instrument."""
        collection = self._collection
        if instrument in getattr(collection, "served", {instrument}):
            collection.served, collection.snapshot = set(), self._take()
        collection.served.add(instrument)
        snapshot: PoolStats = collection.snapshot
        return snapshot

    def _take(self) -> PoolStats:
        # On the loop's own thread, waiting for the loop would be a deadlock.
        if self._loop.is_closed() or _running_loop() is self._loop:
            return self._take_here()
        try:
            return self._ask().result(_WAIT_S)
        except TimeoutError:
            return self._last

    def _take_here(self) -> PoolStats:
        with self._lock:
            self._last = self._pool.snapshot()
            return self._last

    def _ask(self) -> futures.Future[PoolStats]:
        """Have the loop take a snapshot. All requests until it is taken share that snapshot."""
        with self._lock:
            if self._asked_for is None:
                self._asked_for = futures.Future()
                with suppress(RuntimeError):  # the loop was just closed: the last snapshot is reported
                    self._loop.call_soon_threadsafe(self._answer)
            return self._asked_for

    def _answer(self) -> None:
        with self._lock:
            asked_for, self._asked_for = self._asked_for, None
        assert asked_for is not None
        try:
            self._last = self._pool.snapshot()
        except Exception as error:
            asked_for.set_exception(error)
        else:
            asked_for.set_result(self._last)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _register(
    meter: Meter, observation: Any, snapshots: _Snapshots, kind: str, name: str, *, is_histogram: bool
) -> None:
    full_name = f"speechwire.{kind}.{name}"

    def read(instrument: str) -> Any:
        return getattr(getattr(snapshots.of(instrument), kind), name)

    def create(instrument: str, observe: Callable[[Any], Iterable[Any]]) -> None:
        meter.create_observable_counter(instrument, callbacks=[lambda _: observe(read(instrument))])

    if not is_histogram:
        create(full_name, lambda value: [observation(value)])
        return
    create(f"{full_name}.bucket", lambda histogram: _buckets(observation, histogram))
    create(f"{full_name}.sum", lambda histogram: [observation(histogram.sum_s)])


def _gauge(observation: Any, snapshots: _Snapshots, instrument: str, name: str) -> _Callback:
    return lambda _: [observation(getattr(snapshots.of(instrument), name))]


def _buckets(observation: Any, histogram: Histogram) -> Iterator[Any]:
    """The cumulative buckets; the last has no upper bound."""
    total = 0
    for bound_s, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.counts, strict=True):
        total += count
        yield observation(total, {"le": bound_s})
