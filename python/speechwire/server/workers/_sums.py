"""Adds up the metrics of all workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

__all__ = ["counted", "summed"]

_OF_THE_WORST: Final = frozenset({"speechwire_event_loop_late_seconds", "speechwire_throttled"})
"""Gauges of which the largest is taken, as a sum would mean nothing."""
_COUNTING: Final = frozenset({"counter", "histogram", "summary"})


def summed(expositions: Iterable[str], own: Iterable[Metric] = ()) -> bytes:
    """Add up metrics in Prometheus's text format; of some gauges take the largest.

    Args:
        expositions: The metrics of each worker.
        own: The supervisor's own metrics.
    """
    return _text([*_added_up(expositions), *own])


def counted(expositions: Iterable[str]) -> str:
    """Add up the counters, histograms and summaries, which must be kept after a worker has ended."""
    return _text([family for family in _added_up(expositions) if family.type in _COUNTING]).decode()


def _added_up(expositions: Iterable[str]) -> list[Metric]:
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for text in expositions:
        for family in text_string_to_metric_families(text):
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            sums = values.setdefault(family.name, {})
            add = max if family.name in _OF_THE_WORST else _sum
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                sums[key] = add(sums[key], sample.value) if key in sums else sample.value
    for name, family in families.items():
        for (sample_name, labels), value in values[name].items():
            family.add_sample(sample_name, dict(labels), value)
    return list(families.values())


def _text(families: list[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    return generate_latest(registry)


def _sum(one: float, other: float) -> float:
    return one + other


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
