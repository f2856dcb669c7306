from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from types import ModuleType
from typing import Any, cast

import pytest
from tests.session.driving import check_words, collect, speak_into
from tests.session.fake_service import FakeFlux
from tests.session.fake_voice import FakeAura, heard
from tests.session.test_limiter import is_admitted

from speechwire.errors import HandshakeRefused, InvalidArgument, SessionClosed
from speechwire.protocol import ListenV1Options
from speechwire.session import (
    BackoffPolicy,
    ConnectionLimiter,
    Histogram,
    ListenSettings,
    ListenStats,
    SessionPool,
    SpeakSession,
)
from speechwire.session.metrics import BOUNDS_S
from speechwire.session.telemetry import export
from speechwire.transport import MemoryPeer, MemoryTransport

TURNS = [(1.0, 2.0)]


class Both:
    """Recognition and synthesis at one address."""

    def __init__(self) -> None:
        self.flux, self.aura = FakeFlux(TURNS), FakeAura()
        self.open = self.most_open = 0

    async def __call__(self, peer: MemoryPeer) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await (self.aura if "/speak" in peer.request.url else self.flux)(peer)
        finally:
            self.open -= 1


async def test_sessions_work_side_by_side_and_are_counted() -> None:
    service = Both()
    async with SessionPool("k", transport=MemoryTransport(service)) as pool:
        flux, voice = pool.listen_v2(), pool.speak()
        events = asyncio.create_task(collect(flux))
        await speak_into(flux, 4.0)
        assert heard(b"".join([pcm async for pcm in voice.speak("Hello.")])) == "Hello."
        before = flux.stats()
        chunks, lags = before.chunks, before.lag.count
        await speak_into(flux, 1.0, start_s=4.0)
        assert (before.chunks, before.lag.count) == (chunks, lags), "a copy does not change"
        snapshot = pool.snapshot()
        assert (snapshot.sessions, snapshot.open_listen, snapshot.open_speak) == (2, 1, 1)
        await flux.aclose()
        check_words(service.flux, await events)
    after = pool.snapshot()
    assert (after.sessions, after.open_listen, after.open_speak, after.buffered_bytes) == (0, 0, 0, 0)
    assert after.listen.sent_s == pytest.approx(5.0)
    assert after.listen.chunks == 250
    assert after.listen.connections == after.speak.connections == 1
    assert after.listen.lag.count > 10
    assert after.speak.characters == 6
    assert after.speak.audio_bytes == 6000
    assert after.speak.first_audio.count == 1
    with pytest.raises(SessionClosed):
        pool.listen_v2()


async def test_no_more_connections_than_the_quota() -> None:
    service = Both()
    async with SessionPool("k", transport=MemoryTransport(service), max_listen=3) as pool:
        sessions = [pool.listen_v2(settings=ListenSettings(drain_timeout_s=120)) for _ in range(12)]
        await asyncio.gather(*(speak_into(session, 3.0) for session in sessions))
        closings = [asyncio.create_task(session.aclose()) for session in sessions]
        await asyncio.gather(*closings)
        for session in sessions:
            assert (await collect(session))[-1].complete
    assert service.most_open == 3


async def test_after_429_streams_try_one_at_a_time_and_out_of_step() -> None:
    attempts: list[float] = []
    loop = asyncio.get_running_loop()
    service = FakeFlux(())

    async def overloaded(peer: MemoryPeer) -> None:
        attempts.append(loop.time())
        if loop.time() < 20:
            peer.refuse(HandshakeRefused(429))
        else:
            await service(peer)

    async with SessionPool("k", transport=MemoryTransport(overloaded), max_handshakes=8) as pool:
        sessions = [
            pool.listen_v2(settings=ListenSettings(drain_timeout_s=300, buffer_s=100)) for _ in range(200)
        ]
        for session in sessions:
            session.push(b"\1\0" * 1600)
        await asyncio.sleep(20)
        during = len(attempts)
        await asyncio.sleep(60)
        assert all(session.connected for session in sessions)
        assert not pool.snapshot().throttled
    assert during < 30, "200 streams with a back-off each would have knocked more than a thousand times"
    assert len(attempts) - during <= 210


class Own:
    """In place of the transport that a pool makes for itself."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def prepare(self, url: str) -> None:
        self.done.append(url)

    async def aclose(self) -> None:
        self.done.append("closed")


async def test_a_pool_prepares_and_closes_the_transport_that_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Own()
    monkeypatch.setattr("speechwire.session.pool.new_transport", lambda: own)
    async with SessionPool("k", base_url="wss://example.test") as pool:
        assert own.done == ["wss://example.test"]
        assert cast(Any, pool.speak())._runner._access.transport is own
    assert own.done == ["wss://example.test", "closed"]
    given = Own()
    async with SessionPool("k", transport=cast(Any, given)):
        pass
    assert (given.done, own.done) == ([], ["wss://example.test", "closed"])


def test_a_key_goes_in_the_clear_only_where_that_is_permitted() -> None:
    with pytest.raises(InvalidArgument, match="base_url"):
        SessionPool("k", base_url="ws://example.test").speak()
    for make in ("speak", "listen_v1", "listen_v2"):
        pool = SessionPool("k", base_url="ws://example.test", allow_insecure=True)
        assert getattr(pool, make)()


async def test_each_of_the_two_has_a_limiter_with_these_bounds() -> None:
    policy = BackoffPolicy(throttled_base_s=8.0)
    pool = SessionPool("k", max_listen=3, max_speak=2, max_handshakes=4, policy=policy)
    for limiter, places in ((pool.listen_limiter, 3), (pool.speak_limiter, 2)):
        delays: list[float] = []
        limiter.watch(on_throttled=delays.append)
        assert [await is_admitted(limiter) for _ in range(4)] == [True] * places + [False] * (4 - places)
        limiter.failed(HandshakeRefused(429))
        assert 4.0 <= delays[0] <= 8.0
    unlimited = SessionPool("k", max_handshakes=4)
    for limiter in (unlimited.listen_limiter, unlimited.speak_limiter):
        assert [await is_admitted(limiter) for _ in range(5)] == [True] * 4 + [False]
    by_default = SessionPool("k")
    for limiter in (by_default.listen_limiter, by_default.speak_limiter):
        assert [await is_admitted(limiter) for _ in range(17)] == [True] * 16 + [False]


@pytest.mark.parametrize("which", ["listen", "speak"])
async def test_either_service_that_answers_429_is_told(which: str) -> None:
    pool = SessionPool("k")
    limiter = pool.listen_limiter if which == "listen" else pool.speak_limiter
    assert (pool.throttled, pool.snapshot().throttled) == (False, False)
    await limiter.admit()
    limiter.failed(HandshakeRefused(429))
    assert (pool.throttled, pool.snapshot().throttled) == (which == "listen", True)


async def test_audio_that_waits_is_summed_over_the_sessions() -> None:
    async with SessionPool("k", transport=MemoryTransport(refused)) as pool:
        for _ in range(2):
            pool.listen_v2().push(bytes(320))
            pool.listen_v1(ListenV1Options(encoding="linear16", sample_rate=16000)).push(bytes(160))
        assert pool.snapshot().buffered_bytes == 2 * (320 + 160)


async def refused(peer: MemoryPeer) -> None:
    peer.refuse(HandshakeRefused(503))


async def test_a_session_that_is_over_is_let_go_and_stays_counted() -> None:
    async with SessionPool("k", transport=MemoryTransport(Both())) as pool:
        gone = []
        for _ in range(2):
            for make in (pool.listen_v1, pool.listen_v2, pool.speak):
                session = make()
                gone.append(weakref.ref(session))
                if isinstance(session, SpeakSession):
                    assert heard(b"".join([pcm async for pcm in session.speak("Hello.")])) == "Hello."
                await session.aclose()
                del session
        pool.listen_v2()
        gc.collect()
        assert [one() for one in gone] == [None] * 6
        assert (pool.snapshot().sessions, pool.snapshot().speak.requests) == (1, 2)


async def test_closing_closes_all_and_tells_what_failed() -> None:
    own, pool = Own(), SessionPool("k", transport=MemoryTransport(Both()))
    pool._own_transport = cast(Any, own)
    sessions = [pool.speak() for _ in range(3)]

    async def fail() -> None:
        raise SessionClosed("elsewhere")

    sessions[1].aclose = fail  # type: ignore[method-assign]
    with pytest.raises(SessionClosed, match="^elsewhere$"):
        await pool.aclose()
    assert [session.over for session in sessions] == [True, False, True]
    assert own.done == ["closed"], "also what they share"
    for make in (pool.listen_v1, pool.listen_v2, pool.speak):
        with pytest.raises(SessionClosed, match="^the pool has been closed$"):
            make()


async def test_a_cancelled_handshake_gives_its_place_back() -> None:
    async def never(peer: MemoryPeer) -> None:
        await asyncio.sleep(3600)

    limiter = ConnectionLimiter(max_connections=1)
    async with SessionPool("k", transport=MemoryTransport(never), max_listen=1) as pool:
        first = pool.listen_v2(settings=ListenSettings(connect_timeout_s=3000, drain_timeout_s=1))
        first.push(b"\0\0")
        await asyncio.sleep(1)
        await first.aclose()
        assert pool.snapshot().open_listen == 0
    await limiter.admit()
    limiter.failed(asyncio.CancelledError())
    await asyncio.wait_for(limiter.admit(), 1)


@pytest.mark.parametrize("wrong", [{"max_connections": 0}, {"max_handshakes": 0}])
def test_a_governor_that_would_let_nobody_in_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidArgument, match=f"^{name} must be (None, or )?at least 1(, or None)?, got 0$"):
        ConnectionLimiter(**wrong)


def test_histograms() -> None:
    histogram = Histogram()
    for value in (0.01, 0.04, 0.15, 99.0):
        histogram.record(value)
    assert histogram.count == 4
    assert {BOUNDS_S[i]: n for i, n in enumerate(histogram.counts[:-1]) if n} == {0.05: 2, 0.2: 1}
    assert histogram.counts[-1] == 1
    assert (histogram + histogram).count == 8
    total = ListenStats(chunks=1, lag=histogram) + ListenStats(chunks=2, lag=histogram)
    assert total.chunks == 3
    assert total.lag.count == 8


class FakeMeter:
    def __init__(self) -> None:
        self.instruments: dict[str, Any] = {}

    def create_observable_counter(self, name: str, callbacks: list[Any]) -> None:
        self.instruments[name] = callbacks[0]

    create_observable_gauge = create_observable_counter


async def test_counters_reach_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    api = ModuleType("opentelemetry.metrics")
    api.Observation = lambda value, attributes=None: (value, attributes)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry", ModuleType("opentelemetry"))
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", api)
    meter = FakeMeter()
    async with SessionPool("k", transport=MemoryTransport(Both())) as pool:
        export(pool, meter)
        session = pool.listen_v2()
        await speak_into(session, 1.0)
        read = {name: list(callback(None)) for name, callback in meter.instruments.items()}
    assert read["speechwire.listen.chunks"] == [(50, None)]
    assert read["speechwire.sessions"] == [(1, None)]
    assert read["speechwire.listen.connect.bucket"][-1] == (1, {"le": "+Inf"})
    assert read["speechwire.speak.requests"] == [(0, None)]
