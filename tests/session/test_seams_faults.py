"""What should never be raised inside a session is lived through, or ends it with a reason, said once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.session.counted import RATE
from tests.session.driving import KEY, Endpoint, Listening, check_words, of, speak_into
from tests.session.fake_service import FakeService
from tests.session.scripted_peer import Chunks
from tests.session.watching import Watch

from speechwire.errors import ConnectionLost, InternalError, SessionClosed, SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.session import (
    BackoffPolicy,
    ListenSettings,
    ListenV1Session,
    ListenV2Session,
    OutageBegan,
    OutageEnded,
    Reconnecting,
    SessionEnded,
)
from speechwire.transport import ConnectRequest, MemoryPeer, MemoryTransport, WebSocket

TURNS = [(0.5, 2.0), (3.5, 4.5)]

FAULTS: dict[str, Callable[[], BaseException]] = {
    "AssertionError": lambda: AssertionError("connection_made was not called"),
    "ConnectionResetError": lambda: ConnectionResetError("Cannot write to closing transport"),
    "OverflowError": lambda: OverflowError("cannot convert float infinity to integer"),
    "RuntimeError": lambda: RuntimeError("Event loop is closed"),
    "KeyError": lambda: KeyError("type"),
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "MemoryError": MemoryError,
    "StopIteration in all but name": lambda: StopAsyncIteration(),
}


class Faulty:
    """A transport one of whose methods raises what it never should, at one of its calls or at all.

    Args:
        service: The peer.
        method: ``connect`` or a method of the connection.
        make: Makes the exception.
        at: At which call, from 1; 0 at every one.
    """

    def __init__(self, service: Any, method: str, make: Callable[[], BaseException], at: int) -> None:
        self._inner = MemoryTransport(service)
        self._method = method
        self._make = make
        self._at = at
        self._calls = 0

    async def connect(self, request: ConnectRequest) -> WebSocket:
        if self._method == "connect":
            self._count()
        websocket = await self._inner.connect(request)
        if self._method != "connect":
            self._spoil(websocket)
        return websocket

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def peers(self) -> list[MemoryPeer]:
        return self._inner.peers

    def _count(self) -> None:
        self._calls += 1
        if self._calls == self._at or not self._at:
            raise self._make()

    def _spoil(self, websocket: WebSocket) -> None:
        method = getattr(websocket, self._method)

        def spoiled(*args: Any) -> Any:
            self._count()
            return method(*args)

        async def spoiled_async(*args: Any) -> Any:
            self._count()
            return await method(*args)

        wrapped = spoiled_async if asyncio.iscoroutinefunction(method) else spoiled
        setattr(websocket, self._method, wrapped)


@pytest.fixture(params=["flux", "nova"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def session_of(kind: str, transport: Any, **settings: Any) -> Listening:
    listen = ListenSettings(**{"drain_timeout_s": 30.0, **settings})
    if kind == "flux":
        return ListenV2Session(KEY, transport=transport, settings=listen)
    options = ListenV1Options(encoding="linear16", sample_rate=RATE, interim_results=True)
    return ListenV1Session(KEY, options, transport=transport, settings=listen)


def faults_in(events: list[Any]) -> list[SpeechwireError]:
    """Every reason that was given, other than for a lost connection."""
    return [event.error for event in of(Reconnecting, events) if isinstance(event.error, InternalError)]


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize(
    ("method", "at"), [("connect", 1), ("send", 1), ("send_now", 40), ("receive_each", 1)]
)
async def test_a_fault_costs_a_connection_and_nothing_else(
    kind: str, method: str, at: int, make: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    service: FakeService = Endpoint(kind).service(TURNS)
    session = session_of(kind, Faulty(service, method, make, at))
    watch = Watch(session)
    await speak_into(session, 6.0)
    events = await watch.close()
    assert watch.error is None
    check_words(service, events)
    assert events[-1].complete
    (fault,) = faults_in(events)
    assert type(fault.__cause__) is type(make())


@pytest.mark.parametrize(("method", "at"), [("send", 1), ("send_now", 20)])
async def test_a_connection_that_can_only_be_read_is_replaced_at_once(
    kind: str, method: str, at: int
) -> None:
    service: FakeService = Endpoint(kind).service(TURNS)
    transport = Faulty(service, method, lambda: ConnectionLost(1006, "the way out is closed"), at)
    session = session_of(kind, transport)
    watch = Watch(session)
    await speak_into(session, 1.5)
    assert len(transport.peers) == 2
    await speak_into(session, 4.5, start_s=1.5)
    events = await watch.close()
    check_words(service, events)
    assert events[-1].complete


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("method", ["connect", "send"])
async def test_a_fault_that_does_not_go_away_is_an_outage(
    kind: str, method: str, make: Callable[[], BaseException]
) -> None:
    service = Endpoint(kind).service(TURNS)
    session = session_of(kind, Faulty(service, method, make, 0), backoff=BackoffPolicy(max_attempts=4))
    watch = Watch(session)
    await speak_into(session, 40.0)
    assert not session.closed
    (began,) = of(OutageBegan, watch.events)
    assert isinstance(began.error, InternalError)
    events = await watch.close()
    assert not of(OutageEnded, events)
    assert isinstance(events[-1], SessionEnded)
    assert events[-1].dropped_s == 40.0


async def test_a_fault_while_nobody_waits_out_outages_ends_the_session_with_it(kind: str) -> None:
    service = Endpoint(kind).service(TURNS)
    transport = Faulty(service, "connect", FAULTS["AssertionError"], 0)
    session = session_of(kind, transport, backoff=BackoffPolicy(max_attempts=3), wait_out_outages=False)
    watch = Watch(session)
    with pytest.raises(SessionClosed) as closed:
        await speak_into(session, 60.0)
    assert isinstance(closed.value.__cause__, InternalError)
    with pytest.raises((SessionClosed, InternalError)):
        await session.connect()
    with pytest.raises(SessionClosed):
        await session.reopen()
    events = await watch.close()
    assert isinstance(events[-1], SessionEnded)
    assert isinstance(watch.error, InternalError)
    assert isinstance(watch.error.__cause__, AssertionError)


async def test_a_fault_in_a_ping_costs_a_connection() -> None:
    service = Endpoint("flux").service(TURNS)
    session = session_of("flux", Faulty(service, "ping", FAULTS["RuntimeError"], 1))
    watch = Watch(session)
    await speak_into(session, 3.0)
    await asyncio.sleep(30.0)
    await speak_into(session, 3.0, start_s=3.0)
    events = await watch.close()
    check_words(service, events)
    assert watch.error is None


@pytest.mark.parametrize("at", [1, 3, 5])
async def test_a_fault_over_a_message_costs_a_connection(kind: str, at: int) -> None:
    service = Endpoint(kind).service(TURNS)
    session = session_of(kind, MemoryTransport(service))
    rules: Any = session._rules
    deliver, calls = rules.deliver, 0

    def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OverflowError
        return deliver(*args)

    rules.deliver = failing
    watch = Watch(session)
    await speak_into(session, 6.0)
    events = await watch.close()
    assert watch.error is None
    check_words(service, events)
    assert len(faults_in(events)) == 1


class Broken(Chunks):
    """A converter that fails at one call of one method."""

    def __init__(self, method: str, at: int) -> None:
        super().__init__(0.1)
        self.left = at
        self.method = method

    def push(self, pcm: bytes, /) -> list[bytes]:
        self._count("push")
        return super().push(pcm)

    def flush(self) -> list[bytes]:
        self._count("flush")
        return super().flush()

    def _count(self, method: str) -> None:
        self.left -= method == self.method
        if self.left == 0 and method == self.method:
            raise ZeroDivisionError


async def test_a_converter_that_fails_in_a_push_tells_the_caller(kind: str) -> None:
    service = Endpoint(kind).service([(0.0, 0.5)])
    session = Endpoint(kind).session(service, converter=Broken("push", 51))
    watch = Watch(session)
    await speak_into(session, 1.0)
    with pytest.raises(ZeroDivisionError):
        session.push(bytes(640))
    await speak_into(session, 2.0, start_s=1.0)
    assert (await watch.close())[-1] == SessionEnded(
        complete=True, pushed_s=3.0, dropped_s=0.0, replayed_s=0.0
    )


async def test_a_converter_that_fails_in_a_pause_does_not_end_the_session(kind: str) -> None:
    service = Endpoint(kind).service([(0.0, 1.0), (3.0, 4.0)])
    session = Endpoint(kind).session(service, converter=Broken("flush", 1))
    watch = Watch(session)
    await speak_into(session, 1.0)
    await asyncio.sleep(3.0)
    await speak_into(session, 4.0, start_s=1.0)
    events = await watch.close()
    assert watch.error is None
    check_words(service, events)


async def test_a_converter_that_fails_at_the_end_does_not_leave_the_session_open(kind: str) -> None:
    service = Endpoint(kind).service([(0.0, 0.5)])
    session = Endpoint(kind).session(service, converter=Broken("flush", 1), pause_after_s=None)
    watch = Watch(session)
    await speak_into(session, 1.0)
    with pytest.raises(ZeroDivisionError):
        await session.aclose()
    await asyncio.wait_for(session.aclose(), 10.0)
    assert isinstance((await watch.close())[-1], SessionEnded)
    assert session.over
