"""A listening session goes through the table of states, cell by cell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.session.counted import counted
from tests.session.driving import KEY, Endpoint, Listening, collect, endpoints, of, peers, transport_of
from tests.session.fake_service import Fault, close, deaf, reset
from tests.session.handshakes import refusing, refusing_oslo

from speechwire.errors import ConnectFailed, HandshakeRefused, SessionClosed, SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.session import BackoffPolicy, ListenV1Session, Reconnecting
from speechwire.session._states import Attempt, Ending, Happening, Operation, State, StateMachine
from speechwire.transport import MemoryTransport

IDLE, CONNECTING, READY = State.IDLE, State.CONNECTING, State.READY
FAILURE, DRAINING, SHUTDOWN = State.TRANSIENT_FAILURE, State.DRAINING, State.SHUTDOWN

Steps = list[tuple[State, Happening]]

OPEN: Steps = [(IDLE, Attempt.DIAL), (CONNECTING, Attempt.OPENED)]
AGAIN: Steps = [(FAILURE, Attempt.DIAL), (CONNECTING, Attempt.OPENED)]
CLOSED: Steps = [(READY, Operation.CLOSE), (DRAINING, Ending.COMPLETE), (DRAINING, Attempt.DRAINED)]
UNREACHED: Steps = [(IDLE, Attempt.DIAL), (CONNECTING, Attempt.UNREACHABLE)]

UNREACHABLE = ConnectFailed("ws://nowhere", "away")
SECOND = counted(0, 16000)
endpoint = endpoints("flux", "nova")


@pytest.fixture
def steps() -> Iterator[Steps]:
    seen: Steps = []
    StateMachine.observer = lambda before, happening: seen.append((before, happening))
    yield seen
    StateMachine.observer = None


async def failed(session: Listening) -> SpeechwireError:
    """Push a second, and wait for the session to fail."""
    session.push(SECOND)
    with pytest.raises(SpeechwireError) as raised:
        await collect(session)
    assert session.state is SHUTDOWN
    return raised.value


async def test_audio_and_the_end(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(endpoint.service())
    assert session.state is IDLE
    session.push(SECOND)
    await asyncio.sleep(1.0)
    assert session.state is READY
    await session.aclose()
    assert session.state is SHUTDOWN
    assert steps == [*OPEN, *CLOSED]


async def test_nothing_was_said(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(endpoint.service())
    await session.aclose()
    await session.aclose()
    assert steps == [(IDLE, Operation.CLOSE), (DRAINING, Attempt.DRAINED)]


async def test_a_refusal_for_good(endpoint: Endpoint, steps: Steps) -> None:
    assert isinstance(await failed(endpoint.session(refusing(HandshakeRefused(401)))), HandshakeRefused)
    assert steps == [(IDLE, Attempt.DIAL), (CONNECTING, Attempt.REFUSED)]


async def test_a_change_that_is_refused(endpoint: Endpoint, steps: Steps) -> None:
    """The attempt without it follows at once, and is told of."""
    session = endpoint.session(refusing_oslo(endpoint.service()))
    await session.configure(keyterms=["Oslo"])
    reading = asyncio.create_task(collect(session))
    session.push(SECOND)
    await asyncio.sleep(1.0)
    await session.aclose()
    assert steps == [*UNREACHED, *AGAIN, *CLOSED]
    (retry,) = of(Reconnecting, await reading)
    assert (retry.delay_s, type(retry.error)) == (0.0, HandshakeRefused)


async def test_a_service_that_is_away_is_given_up(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(
        refusing(UNREACHABLE), wait_out_outages=False, backoff=BackoffPolicy(max_attempts=2)
    )
    assert await failed(session) is UNREACHABLE
    again: Steps = [(FAILURE, Attempt.DIAL), (CONNECTING, Attempt.UNREACHABLE)]
    assert steps == [*UNREACHED, *again, (FAILURE, Attempt.ABANDONED)]


async def test_a_service_that_is_away_at_the_end_is_given_up(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(refusing(UNREACHABLE), backoff=BackoffPolicy(max_attempts=1))
    reading = asyncio.create_task(collect(session))
    session.push(SECOND)
    await asyncio.sleep(1.0)
    await session.aclose()
    again: Steps = [(DRAINING, Attempt.DIAL), (DRAINING, Attempt.UNREACHABLE), (DRAINING, Attempt.ABANDONED)]
    assert steps == [*UNREACHED, (FAILURE, Operation.CLOSE), *again]
    assert not (await reading)[-1].complete


@pytest.mark.parametrize(
    ("fault", "ending", "state"),
    [
        (reset, Ending.LOST, FAILURE),
        (close(1011, "NET-0001"), Ending.UNUSED, IDLE),
        (close(1011, "NET-0003"), Ending.ROTATED, IDLE),
    ],
    ids=["lost", "unused", "rotated"],
)
async def test_a_connection_that_ends_is_followed(
    endpoint: Endpoint, steps: Steps, fault: Fault, ending: Ending, state: State
) -> None:
    session = endpoint.session(endpoint.service(), pause_after_s=None, progress_timeout_s=None)
    session.push(SECOND)
    await asyncio.sleep(10.0)
    fault(peers(session)[0])
    await asyncio.sleep(1.0)
    session.push(SECOND)
    await asyncio.sleep(1.0)
    await session.aclose()
    assert steps == [*OPEN, (READY, ending), (state, Attempt.DIAL), (CONNECTING, Attempt.OPENED), *CLOSED]


async def test_what_the_service_rejects(endpoint: Endpoint, steps: Steps) -> None:
    await failed(endpoint.session(endpoint.service((), {0: (0.5, close(1008, "DATA-0000"))})))
    assert steps == [*OPEN, (READY, Ending.REJECTED)]


async def test_a_recording_cannot_go_on(steps: Steps) -> None:
    transport = MemoryTransport(Endpoint("nova").service((), {0: (0.5, reset)}))
    await failed(ListenV1Session(KEY, ListenV1Options(encoding=None, sample_rate=None), transport=transport))
    assert steps == [*OPEN, (READY, Ending.LOST), (FAILURE, Attempt.ABANDONED)]


async def test_another_takes_its_place(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(endpoint.service())
    session.push(SECOND)
    await asyncio.sleep(1.0)
    await session.reopen()
    await session.aclose()
    assert steps == [*OPEN, (READY, Ending.REPLACED), *CLOSED]


async def test_an_end_that_is_not_answered_in_time(endpoint: Endpoint, steps: Steps) -> None:
    session = endpoint.session(deaf, drain_timeout_s=0.5)
    session.push(SECOND)
    await asyncio.sleep(1.0)
    await session.aclose()
    assert steps == [*OPEN, (READY, Operation.CLOSE), (DRAINING, Attempt.DEADLINE)]
    assert asyncio.all_tasks() <= {asyncio.current_task(), *transport_of(session)._tasks}, "nothing runs on"


@pytest.mark.parametrize("after_s", [None, 1.0])
async def test_everything_is_cancelled(endpoint: Endpoint, steps: Steps, after_s: float | None) -> None:
    session = endpoint.session(endpoint.service())
    session.push(SECOND)
    if after_s is not None:
        await asyncio.sleep(after_s)
    task: Any = session._runner._task
    task.cancel()
    with pytest.raises(SessionClosed):
        await collect(session)
    assert steps == ([(IDLE, Operation.CANCEL)] if after_s is None else [*OPEN, (READY, Operation.CANCEL)])
