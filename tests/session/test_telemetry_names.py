"""Under which names counters reach OpenTelemetry, and how long a collection waits for them."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from tests.session.test_telemetry import Collector, Counting, Values

from speechwire.session import Histogram, ListenStats, PoolStats, SpeakStats, telemetry
from speechwire.session.telemetry import export


def test_by_default_it_is_the_applications_meter_of_this_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder:
        counters: list[str] = []
        gauges: list[str] = []

        def create_observable_counter(self, name: str, callbacks: list[Any]) -> None:
            self.counters.append(name)

        def create_observable_gauge(self, name: str, callbacks: list[Any]) -> None:
            self.gauges.append(name)

    meters = {"speechwire": Recorder()}
    monkeypatch.setattr("opentelemetry.metrics.get_meter", meters.__getitem__)

    async def main() -> None:
        export(Counting())

    asyncio.run(main())
    gauges = ["sessions", "open_listen", "open_speak", "buffered_bytes"]
    assert meters["speechwire"].gauges == [f"speechwire.{name}" for name in gauges]
    assert "speechwire.listen.lag.sum" in meters["speechwire"].counters
    assert not set(meters["speechwire"].gauges) & set(meters["speechwire"].counters)


async def test_a_snapshot_is_waited_for_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []

    def result(future: Future[PoolStats], timeout: float | None = None) -> PoolStats:
        waits.append(timeout)
        raise TimeoutError

    snapshots = telemetry._Snapshots(Counting())
    monkeypatch.setattr(Future, "result", result)
    thread = threading.Thread(target=snapshots.of, args=("instrument",))
    thread.start()
    thread.join(30.0)
    assert waits == [0.5]


def test_the_classes_of_a_histogram_add_up_under_the_bounds_they_end_at() -> None:
    collector = Collector()
    lag = Histogram([1, 2, *[0] * 10, 4], 50.0)

    class Source:
        def snapshot(self) -> PoolStats:
            return PoolStats(ListenStats(lag=lag), SpeakStats(), 0, 0, 0, 0, throttled=False)

    async def main() -> Values:
        export(Source(), collector.meter)
        return await asyncio.to_thread(collector.collect)

    values = asyncio.run(main())
    collector.provider.shutdown()
    classes = dict(values["speechwire.listen.lag.bucket"])
    assert list(classes) == [
        *("0.05", "0.1", "0.2", "0.3", "0.5", "0.75", "1.0", "1.5", "2.0", "3.0", "5.0", "10.0", "+Inf")
    ]
    assert [classes[bound] for bound in ("0.05", "0.1", "10.0", "+Inf")] == [1, 3, 3, 7]
    assert values["speechwire.listen.lag.sum"] == 50.0
