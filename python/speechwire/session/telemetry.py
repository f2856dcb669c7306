"""Counters for OpenTelemetry, where the application has it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from speechwire.session.metrics import BOUNDS_S, Histogram, ListenStats, SpeakStats
from speechwire.session.pool import PoolStats

__all__ = ["Meter", "SnapshotSource", "export"]

_GAUGES: Final = ("sessions", "open_listen", "open_speak", "buffered_bytes")

_Callback = Callable[[Any], Iterable[Any]]


class Meter(Protocol):
    """What is used of ``opentelemetry.metrics.Meter``."""

    def create_observable_counter(self, name: str, callbacks: list[_Callback]) -> Any:
        """See OpenTelemetry."""

    def create_observable_gauge(self, name: str, callbacks: list[_Callback]) -> Any:
        """See OpenTelemetry."""


class SnapshotSource(Protocol):
    """A :class:`speechwire.session.SessionPool`, or anything else with a snapshot."""

    def snapshot(self) -> PoolStats:
        """The counters of now."""


def export(pool: SnapshotSource, meter: Meter | None = None) -> None:
    """Register a pool's counters with OpenTelemetry: ``speechwire.listen.sent_bytes`` and so on.

    Histograms become counters with an ``le`` attribute, as Prometheus has them, and a sum. The pool is asked
    once for each instrument whenever metrics are collected, on the collecting thread.

    Args:
        pool: What to observe.
        meter: Default: the application's, from ``opentelemetry.metrics.get_meter("speechwire")``.

    Raises:
        ModuleNotFoundError: ``opentelemetry`` is not installed.
    """
    api = importlib.import_module("opentelemetry.metrics")
    target: Meter = meter or api.get_meter("speechwire")
    for kind, stats in (("listen", ListenStats()), ("speak", SpeakStats())):
        for name, value in stats.items():
            _register(target, api.Observation, pool, kind, name, is_histogram=isinstance(value, Histogram))
    for name in _GAUGES:
        target.create_observable_gauge(f"speechwire.{name}", callbacks=[_gauge(api.Observation, pool, name)])


def _register(
    meter: Meter, observation: Any, pool: SnapshotSource, kind: str, name: str, *, is_histogram: bool
) -> None:
    def read() -> Any:
        return getattr(getattr(pool.snapshot(), kind), name)

    if not is_histogram:
        meter.create_observable_counter(
            f"speechwire.{kind}.{name}", callbacks=[lambda _: [observation(read())]]
        )
        return
    meter.create_observable_counter(
        f"speechwire.{kind}.{name}.bucket", callbacks=[lambda _: _buckets(observation, read())]
    )
    meter.create_observable_counter(
        f"speechwire.{kind}.{name}.sum", callbacks=[lambda _: [observation(read().sum_s)]]
    )


def _gauge(observation: Any, pool: SnapshotSource, name: str) -> _Callback:
    return lambda _: [observation(getattr(pool.snapshot(), name))]


def _buckets(observation: Any, histogram: Histogram) -> Iterator[Any]:
    """Cumulative, the last without a bound."""
    total = 0
    for bound_s, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.counts, strict=True):
        total += count
        yield observation(total, {"le": bound_s})
