"""A speaking session goes through the table of states, cell by cell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from tests.session.fake_service import Fault, close, reset
from tests.session.fake_voice import FakeAura

from speechwire.errors import HandshakeRefused, SessionClosed, SpeechwireError
from speechwire.session import SpeakSession, SpeakSettings
from speechwire.session._speak_v1_rules import SpeakV1Rules
from speechwire.session._states import Attempt, Ending, Happening, Operation, State, StateMachine
from speechwire.transport import MemoryPeer, MemoryTransport

IDLE, CONNECTING, READY = State.IDLE, State.CONNECTING, State.READY
FAILURE, DRAINING, SHUTDOWN = State.TRANSIENT_FAILURE, State.DRAINING, State.SHUTDOWN

OPEN: list[tuple[State, Happening]] = [(IDLE, Attempt.DIAL), (CONNECTING, Attempt.OPENED)]
AGAIN: list[tuple[State, Happening]] = [(FAILURE, Attempt.DIAL), (CONNECTING, Attempt.OPENED)]
CLOSED: list[tuple[State, Happening]] = [
    (READY, Operation.CLOSE),
    (DRAINING, Ending.COMPLETE),
    (DRAINING, Attempt.DRAINED),
]


@pytest.fixture
def steps() -> Iterator[list[tuple[State, Happening]]]:
    seen: list[tuple[State, Happening]] = []
    StateMachine.observer = lambda before, happening: seen.append((before, happening))
    yield seen
    StateMachine.observer = None


Steps = list[tuple[State, Happening]]


async def test_a_request_and_the_end(steps: Steps) -> None:
    async with SpeakSession("k", transport=MemoryTransport(FakeAura())) as session:
        assert session.state is IDLE
        await session.speak("Hi.").wait()
        assert session.state is READY
    assert session.state is SHUTDOWN
    assert steps == [(IDLE, Operation.REQUEST), *OPEN, *CLOSED]


async def test_nothing_was_asked_for(steps: Steps) -> None:
    async with SpeakSession("k", transport=MemoryTransport(FakeAura())) as session:
        pass
    await session.aclose()
    assert steps == [(IDLE, Operation.CLOSE), (DRAINING, Attempt.DRAINED), (SHUTDOWN, Operation.CLOSE)]


async def test_a_refusal_ends_a_request_and_not_the_session(steps: Steps) -> None:
    service = FakeAura()

    async def serve(peer: MemoryPeer) -> None:
        if peer.number == 0:
            peer.refuse(HandshakeRefused(401))
        else:
            await service(peer)

    async with SpeakSession("k", transport=MemoryTransport(serve)) as session:
        with pytest.raises(HandshakeRefused):
            await session.prewarm()
        assert session.state is FAILURE
        await session.speak("Hi.").wait()
    assert steps == [
        (IDLE, Operation.CONNECT),
        (IDLE, Attempt.DIAL),
        (CONNECTING, Attempt.UNREACHABLE),
        (FAILURE, Operation.REQUEST),
        *AGAIN,
        *CLOSED,
    ]


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (reset, Ending.LOST),
        (close(1000), Ending.LOST),
        (close(1011, "NET-0000"), Ending.LOST),
        (close(1008, "DATA-0001"), Ending.THROTTLED),
        (lambda peer: asyncio.Event().wait(), Ending.STALLED),
    ],
)
async def test_a_lost_connection_is_replaced(steps: Steps, fault: Fault, ending: Ending) -> None:
    async with SpeakSession("k", transport=MemoryTransport(FakeAura({0: (2, fault)}))) as session:
        await session.speak("Hi all.").wait()
    assert steps == [(IDLE, Operation.REQUEST), *OPEN, (READY, ending), *AGAIN, *CLOSED]


@pytest.mark.parametrize(
    ("fault", "ending"),
    [(close(1011, "NET-0003"), Ending.ROTATED), (close(1011, "NET-0004"), Ending.UNUSED)],
)
async def test_the_service_ends_an_old_or_unused_one(steps: Steps, fault: Fault, ending: Ending) -> None:
    async with SpeakSession("k", transport=MemoryTransport(FakeAura({0: (2, fault)}))) as session:
        await session.speak("Hi all.").wait()
    assert steps == [(IDLE, Operation.REQUEST), *OPEN, (READY, ending), *OPEN, *CLOSED]


async def test_what_the_service_rejects_is_a_request(steps: Steps) -> None:
    service = FakeAura({0: (2, close(1008, "DATA-0000"))})
    async with SpeakSession("k", transport=MemoryTransport(service)) as session:
        with pytest.raises(SpeechwireError):
            await session.speak("Hi all.").wait()
        assert session.state is FAILURE
        await session.speak("Hi.").wait()
    first = [(IDLE, Operation.REQUEST), *OPEN, (READY, Ending.LOST)]
    assert steps == [*first, (FAILURE, Operation.REQUEST), *AGAIN, *CLOSED]


async def test_an_old_connection_is_ended_when_nobody_speaks(steps: Steps) -> None:
    settings = SpeakSettings(max_age_s=60)
    async with SpeakSession("k", transport=MemoryTransport(FakeAura()), settings=settings) as session:
        await session.prewarm()
        await asyncio.sleep(70)
        assert session.state is IDLE
    end = [(IDLE, Operation.CLOSE), (DRAINING, Attempt.DRAINED)]
    assert steps == [(IDLE, Operation.CONNECT), *OPEN, (READY, Ending.ROTATED), *end]


async def test_a_request_need_not_wait_for_the_end_of_an_old_connection(steps: Steps) -> None:
    class Deaf(FakeAura):
        def conversation(self, peer: MemoryPeer) -> object:  # type: ignore[override]
            conversation = super().conversation(peer)
            if peer.number == 0:
                peer.close = lambda code=1000, reason="": None  # type: ignore[method-assign]
            return conversation

    settings = SpeakSettings(max_age_s=60, close_timeout_s=30)
    async with SpeakSession("k", transport=MemoryTransport(Deaf()), settings=settings) as session:
        await session.prewarm()
        await asyncio.sleep(65)
        began = asyncio.get_running_loop().time()
        await session.speak("Hi.").wait()
        assert asyncio.get_running_loop().time() - began < 1
    assert (READY, Ending.ROTATED) in steps


async def test_a_fault_of_ours_costs_a_connection(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_once(monkeypatch, SpeakV1Rules, "read")
    async with SpeakSession("k", transport=MemoryTransport(FakeAura())) as session:
        await session.speak("Hi.").wait()
    assert steps == [(IDLE, Operation.REQUEST), *OPEN, (READY, Ending.FAULTED), *AGAIN, *CLOSED]


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    works: Callable[..., object] = getattr(owner, name)
    calls = iter([True])

    def fail(*arguments: object, **named: object) -> object:
        if next(calls, False):
            raise ZeroDivisionError("a bug")
        return works(*arguments, **named)

    monkeypatch.setattr(owner, name, fail)


async def test_closing_and_interrupting_while_connecting(steps: Steps) -> None:
    async def never(peer: MemoryPeer) -> None:
        await asyncio.sleep(100)

    session = SpeakSession("k", transport=MemoryTransport(never))
    first, second = session.speak("Hi."), session.speak("Hello.")
    await asyncio.sleep(0.1)
    first.interrupt()
    await session.aclose()
    with pytest.raises(SessionClosed):
        await second.wait()
    second.interrupt()
    assert steps == [
        *[(IDLE, Operation.REQUEST)] * 2,
        (IDLE, Attempt.DIAL),
        (CONNECTING, Operation.INTERRUPT),
        (CONNECTING, Operation.CLOSE),
        (DRAINING, Attempt.DEADLINE),
    ]


async def test_the_service_does_not_answer_close(steps: Steps) -> None:
    async def deaf(peer: MemoryPeer) -> None:
        peer.accept()
        await asyncio.sleep(100)

    session = SpeakSession("k", transport=MemoryTransport(deaf))
    await session.prewarm()
    began = asyncio.get_running_loop().time()
    await session.aclose()
    assert asyncio.get_running_loop().time() - began == pytest.approx(1.0, abs=0.05)
    assert session.state is SHUTDOWN
    assert steps[:4] == [(IDLE, Operation.CONNECT), *OPEN, (READY, Operation.CLOSE)]


async def test_everything_is_cancelled(steps: Steps) -> None:
    session = SpeakSession("k", transport=MemoryTransport(FakeAura()))
    request = session.speak("Hi.")
    await asyncio.sleep(0.1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(SessionClosed, match="was cancelled: make a new session"):
        await request.wait()
    with pytest.raises(SessionClosed, match="was cancelled: make a new session"):
        session.request()
    with pytest.raises(SessionClosed, match="was cancelled: make a new session"):
        await session.prewarm()
    await session.aclose()
    assert session.over
    assert steps == [
        (IDLE, Operation.REQUEST),
        *OPEN,
        (READY, Operation.CANCEL),
        (SHUTDOWN, Operation.CLOSE),
    ]
