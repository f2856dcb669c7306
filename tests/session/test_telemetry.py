"""Counters for OpenTelemetry's own SDK, which collects on threads of its own while sessions come and go."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from tests.session.fake_voice import FakeAura

from speechwire.session import Histogram, ListenStats, PoolStats, SessionPool, SpeakStats, telemetry
from speechwire.session.telemetry import export
from speechwire.transport import MemoryPeer, MemoryTransport

Values = dict[str, Any]


class Counting:
    """Every counter of the n-th snapshot is n, and so is each class of its histograms."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def snapshot(self) -> PoolStats:
        self.threads.append(threading.get_ident())
        n = len(self.threads)
        return PoolStats(filled(ListenStats, n), filled(SpeakStats, n), n, n, n, n, throttled=False)


def filled(kind: Any, n: int) -> Any:
    values = {
        name: Histogram([n] * 13, n) if isinstance(value, Histogram) else n for name, value in kind().items()
    }
    return kind(**values)


def test_counting_begins_at_nothing() -> None:
    for stats in (ListenStats(), SpeakStats()):
        for name, value in stats.items():
            assert value == (Histogram() if isinstance(value, Histogram) else 0), name
    assert not any(Histogram().counts)


class Collector:
    """A meter provider with one reader that is asked by hand."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.meter = self.provider.get_meter("tests")

    def collect(self) -> Values:
        """What this collection reports: a number for each instrument, or the numbers of its classes."""
        data = self.reader.get_metrics_data()
        assert data is not None
        (of_resource,) = data.resource_metrics
        (of_scope,) = of_resource.scope_metrics
        return {metric.name: values_of(metric) for metric in of_scope.metrics}


def values_of(metric: Any) -> Any:
    points = metric.data.data_points
    if metric.name.endswith(".bucket"):
        return [(point.attributes["le"], point.value) for point in points]
    (point,) = points
    return point.value


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.provider.shutdown()


def all_equal(values: Values) -> int:
    """The one number that everything says."""
    numbers: set[Any] = set()
    for name, value in values.items():
        if name.endswith(".bucket"):
            numbers |= {total / place for place, (_, total) in enumerate(value, 1)}
        else:
            numbers.add(value)
    (number,) = numbers
    return int(number)


def test_each_collection_reports_one_snapshot_taken_on_the_loop(collector: Collector) -> None:
    source = Counting()

    async def main() -> list[Values]:
        export(source, collector.meter)
        return [await asyncio.to_thread(collector.collect) for _ in range(5)]

    collections = asyncio.run(main())
    # The first snapshot was that of the registration.
    assert [all_equal(values) for values in collections] == [2, 3, 4, 5, 6]
    assert set(source.threads) == {threading.get_ident()}
    names = {f"speechwire.{name}" for name in ("sessions", "open_listen", "open_speak", "buffered_bytes")}
    for kind, stats in (("listen", ListenStats()), ("speak", SpeakStats())):
        for name, value in stats.items():
            ends = (".bucket", ".sum") if isinstance(value, Histogram) else ("",)
            names |= {f"speechwire.{kind}.{name}{end}" for end in ends}
    assert set(collections[0]) == names


def test_two_readers_on_two_threads_have_snapshots_of_their_own() -> None:
    source = Counting()
    collectors = Collector(), Collector()

    async def main() -> list[list[int]]:
        for collector in collectors:
            export(source, collector.meter)
        with ThreadPoolExecutor(2) as threads:
            loop = asyncio.get_running_loop()
            return await asyncio.gather(*(loop.run_in_executor(threads, thrice, c) for c in collectors))

    def thrice(collector: Collector) -> list[int]:
        return [all_equal(collector.collect()) for _ in range(3)]

    first, second = asyncio.run(main())
    for numbers in (first, second):
        assert numbers == sorted(set(numbers))
    for collector in collectors:
        collector.provider.shutdown()


def test_readers_that_collect_on_one_thread_in_turn_have_snapshots_of_their_own() -> None:
    source = Counting()
    readers = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider(readers)

    async def main() -> None:
        export(source, provider.get_meter("tests"))
        with ThreadPoolExecutor(1) as threads:
            for reader in (*readers, *readers):
                await asyncio.get_running_loop().run_in_executor(threads, reader.get_metrics_data)

    asyncio.run(main())
    assert len(source.threads) == 1 + 4
    provider.shutdown()


def test_a_thousand_sessions_cost_one_snapshot_a_collection(collector: Collector) -> None:
    taken = 0

    async def main() -> None:
        nonlocal taken
        async with SessionPool("k", transport=MemoryTransport(nobody)) as pool:
            sessions = [pool.speak() for _ in range(1000)]
            snapshot = pool.snapshot

            def counted() -> PoolStats:
                nonlocal taken
                taken += 1
                return snapshot()

            pool.snapshot = counted  # type: ignore[method-assign]
            export(pool, collector.meter)
            taken = 0
            values = await asyncio.to_thread(collector.collect)
            assert values["speechwire.sessions"] == len(sessions)
            assert taken == 1

    asyncio.run(main())


async def nobody(peer: MemoryPeer) -> None:
    """Nobody comes here: a session connects when it is used."""


def test_sessions_come_and_go_while_metrics_are_collected(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    made, collections = 60, []

    async def main() -> None:
        async with SessionPool("k", transport=MemoryTransport(FakeAura())) as pool:
            export(pool, collector.meter)
            collecting = asyncio.create_task(collect(pool))
            await asyncio.gather(*(speak(pool, after_s=0.01 * index) for index in range(made)))
            collecting.cancel()

    async def speak(pool: SessionPool, after_s: float) -> None:
        await asyncio.sleep(after_s)
        async with pool.speak() as session:
            async for _ in session.speak("Hello."):
                pass

    async def collect(pool: SessionPool) -> None:
        while True:
            collections.append(await asyncio.to_thread(collector.collect))

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.messages == []
    requests = [values["speechwire.speak.requests"] for values in collections]
    assert requests == sorted(requests)
    assert requests[-1] > 0
    # What was counted since the last collection is not lost with the loop.
    ended = collector.collect()
    assert ended["speechwire.speak.requests"] == made
    assert ended["speechwire.speak.characters"] == made * len("Hello.")
    assert ended["speechwire.sessions"] == 0


def test_a_loop_that_is_busy_for_too_long_is_not_waited_for(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telemetry, "_WAIT_S", 0.05)
    source = Counting()
    collected: list[int] = []

    def collect_thrice(done: threading.Event) -> None:
        for _ in range(3):
            collected.append(all_equal(collector.collect()))
        done.set()

    async def main() -> None:
        export(source, collector.meter)
        done = threading.Event()
        collecting = asyncio.create_task(asyncio.to_thread(collect_thrice, done))
        await asyncio.sleep(0)
        done.wait(30)  # on the loop, which is blocked by it
        await collecting
        assert collected == [1, 1, 1]
        assert len(source.threads) == 2, "of three requests that nobody waits for, one is left"
        assert all_equal(await asyncio.to_thread(collector.collect)) == 3

    asyncio.run(main())
    assert caplog.messages == []


def test_a_collection_on_the_loop_itself_does_not_wait_for_itself(collector: Collector) -> None:
    source = Counting()

    async def main() -> list[int]:
        export(source, collector.meter)
        return [all_equal(collector.collect()) for _ in range(2)]

    assert asyncio.run(main()) == [2, 3]


def test_a_snapshot_that_fails_is_the_collectors_to_report(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Counting):
        def snapshot(self) -> PoolStats:
            if self.threads:
                raise ValueError("no snapshot today")
            return super().snapshot()

    async def main() -> None:
        export(Failing(), collector.meter)
        await asyncio.to_thread(collector.reader.get_metrics_data)

    asyncio.run(main())
    names = {record.name.partition(".")[0] for record in caplog.records}
    errors = {str(record.exc_info[1]) for record in caplog.records if record.exc_info}
    assert (names, errors) == ({"opentelemetry"}, {"no snapshot today"})


def test_the_last_export_at_shutdown_has_how_it_all_ended() -> None:
    exported: list[int] = []

    class Exporter:
        _preferred_temporality: dict[type, Any] = {}
        _preferred_aggregation: dict[type, Any] = {}

        def export(self, data: Any, **_: Any) -> None:
            metrics = data.resource_metrics[0].scope_metrics[0].metrics
            exported.append(all_equal({metric.name: values_of(metric) for metric in metrics}))

        def force_flush(self, *_: Any, **__: Any) -> bool:
            return True

        def shutdown(self, *_: Any, **__: Any) -> None:
            pass

    reader = PeriodicExportingMetricReader(Exporter(), export_interval_millis=3_600_000)  # type: ignore[arg-type]
    provider = MeterProvider([reader])
    source = Counting()

    async def main() -> None:
        export(source, provider.get_meter("tests"))

    asyncio.run(main())
    provider.shutdown()
    assert exported == [2]


def test_it_is_registered_on_a_loop_or_not_at_all(collector: Collector) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        export(Counting(), collector.meter)
    assert collector.reader.get_metrics_data() is None
