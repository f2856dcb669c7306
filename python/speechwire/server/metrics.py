"""The server's numbers for Prometheus (``prometheus-client``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from speechwire.server.server import Phase, Server
from speechwire.session.metrics import BOUNDS_S, Histogram

__all__ = ["exposition"]

_PREFIX: Final = "speechwire"


def exposition(server: Server) -> tuple[bytes, str]:
    """Return the current metrics and their content type. Takes some microseconds for each live session.

    Resets the event loop's largest delay.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(server))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector(Collector):
    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._calls()
        yield from self._service()

    def _gauges(self) -> Iterator[Metric]:
        server = self._server
        pool, admission = server.pool.snapshot(), server.admission
        late_s, server.counters.late_s = server.counters.late_s, 0.0
        yield _gauge("calls", "live calls", len(server.lines))
        yield _gauge("places", "places for calls; 0 without a limit", admission.places or 0)
        yield _gauge("places_taken", "places that are taken", admission.taken)
        yield _gauge("callers_waiting", "callers in the queue", admission.waiting)
        yield _gauge("draining", "1 while no new caller is taken", server.phase is not Phase.SERVING)
        yield _gauge("listening_connections", "open, to the service", pool.open_listen)
        yield _gauge("speaking_connections", "open, to the service", pool.open_speak)
        yield _gauge("throttled", "1 while the service answers 429", pool.throttled)
        yield _gauge("buffered_bytes", "audio kept to be sent, or sent again", pool.buffered_bytes)
        yield _gauge("event_loop_late_seconds", "at its worst since the last look", late_s)

    def _calls(self) -> Iterator[Metric]:
        counters = self._server.counters
        yield _labelled("calls_accepted", "calls that have ended, by dialect", "dialect", counters.accepted)
        yield _labelled("callers_refused", "turned away, by reason", "reason", counters.refused)
        yield _labelled("calls_ended", "by reason", "reason", counters.ended)
        yield _labelled("notices", "sent to callers, by code", "code", counters.notices)
        yield _counter("caller_audio_seconds", "of ended calls", counters.audio_s)
        yield _counter("captions", "sent", counters.captions)
        yield _counter("captions_dropped", "replaced by newer ones", counters.interims_dropped)
        yield _counter("turns", "ended", counters.turns)
        yield _counter("speech_bytes", "sent to callers", counters.speech_bytes)
        yield _counter("barge_ins", "speech cut short by a caller", counters.barge_ins)
        yield _counter("malformed_messages", "without a meaning", counters.malformed)
        yield _counter("application_failures", "raised by the application", counters.application_failures)

    def _service(self) -> Iterator[Metric]:
        pool = self._server.pool.snapshot()
        for kind, stats in (("listen", pool.listen), ("speak", pool.speak)):
            for name, value in stats.items():
                if isinstance(value, Histogram):
                    yield _histogram(f"{kind}_{name}_seconds", f"{kind}: {name}", value)
                else:
                    yield _counter(f"{kind}_{name}", f"{kind}: {name}", value)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", words, value=float(value))


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}_{name}", words, value=float(value))


def _labelled(name: str, words: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", words, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    total, buckets = 0, []
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(f"{_PREFIX}_{name}", words, buckets=buckets, sum_value=histogram.sum_s)
