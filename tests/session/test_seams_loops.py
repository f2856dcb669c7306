"""Event loops and cancellation: a session works, or it says why not; it never hangs."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import (
    KEY,
    Endpoint,
    Listening,
    collect,
    endpoints,
    speak_into,
)
from tests.session.fake_service import FakeNova
from tests.session.loops import CALLS, call, in_a_loop
from tests.session.watching import Watch
from tests.virtual_time import VirtualTimeLoop

from speechwire.audio import PcmPipeline
from speechwire.errors import LocalProtocolError, SessionClosed, SpeechwireError
from speechwire.protocol import ListenV1Options
from speechwire.session import ListenV1Session, SessionEnded, SessionPool
from speechwire.transport import MemoryPeer, MemoryTransport

endpoint = endpoints("flux", "nova")


def left_open(endpoint: Endpoint, state: str) -> Listening:
    """A session that a loop which has ended leaves behind, not closed."""
    sessions: list[Listening] = []

    async def use() -> None:
        async def serve(peer: MemoryPeer) -> None:
            await (asyncio.sleep(3600) if state == "connecting" else endpoint.service()(peer))

        session = endpoint.session(serve)
        sessions.append(session)
        if state != "new":
            await speak_into(session, 0.5)

    in_a_loop(use)
    return sessions[0]


@pytest.mark.parametrize("state", ["connecting", "open"])
@pytest.mark.parametrize("name", CALLS)
def test_a_session_whose_loop_has_ended_says_so(endpoint: Endpoint, state: str, name: str) -> None:
    session = left_open(endpoint, state)

    async def use() -> None:
        for _ in range(2):
            with pytest.raises(SessionClosed, match="cancelled|ended|closed"):
                await call(session, name)
        await session.aclose()
        assert session.closed

    in_a_loop(use)


@pytest.mark.parametrize("state", ["connecting", "open"])
def test_a_session_whose_loop_has_ended_can_be_read_to_its_end(endpoint: Endpoint, state: str) -> None:
    session = left_open(endpoint, state)

    async def read() -> None:
        watch = Watch(session)
        await watch.close()
        ended = watch.events[-1]
        assert ended == SessionEnded(complete=False, pushed_s=0.5, dropped_s=0.5, replayed_s=0.0)
        assert isinstance(watch.error, SessionClosed)

    in_a_loop(read)


@pytest.mark.parametrize("name", CALLS)
def test_a_loop_that_was_closed_without_a_word(endpoint: Endpoint, name: str) -> None:
    loop = VirtualTimeLoop()

    async def begin() -> Listening:
        session = endpoint.session(endpoint.service())
        await speak_into(session, 0.5)
        return session

    session = loop.run_until_complete(begin())
    thrown_away = asyncio.all_tasks(loop)
    loop.close()

    async def use() -> None:
        for _ in range(2):
            with pytest.raises(SessionClosed, match="loop has ended: make a session in this one"):
                await call(session, name)

    in_a_loop(use)
    assert session.closed
    for task in thrown_away:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        with suppress(RuntimeError):  # what they would do at their end needs the loop
            task.get_coro().close()


def test_a_session_can_be_made_outside_of_the_loop_it_is_used_in(endpoint: Endpoint) -> None:
    session = left_open(endpoint, "new")

    async def use() -> list[Any]:
        watch = Watch(session)
        await speak_into(session, 1.0)
        return await watch.close()

    assert in_a_loop(use)[-1].complete


@pytest.mark.parametrize("name", [*CALLS, "aclose"])
def test_another_loop_than_the_sessions_is_refused(endpoint: Endpoint, name: str) -> None:
    """The session's own loop runs on, in another thread."""
    outcome: list[BaseException | None] = []

    async def use_elsewhere(session: Listening) -> None:
        try:
            await (session.aclose() if name == "aclose" else call(session, name))
            outcome.append(None)
        except SpeechwireError as error:
            outcome.append(error)

    async def use() -> None:
        session = endpoint.session(endpoint.service())
        await speak_into(session, 0.5)
        thread = threading.Thread(target=in_a_loop, args=(lambda: use_elsewhere(session),))
        thread.start()
        thread.join()
        await speak_into(session, 0.5, start_s=0.5)
        watch = Watch(session)
        assert (await watch.close())[-1].complete, "it goes on as if nothing had been"

    in_a_loop(use)
    (error,) = outcome
    assert isinstance(error, LocalProtocolError)
    assert str(error) == (
        "the session belongs to another event loop: call it there, with asyncio.run_coroutine_threadsafe"
    )


@pytest.mark.parametrize("size", [2, 640, 100_000])
def test_a_push_without_a_loop_queues_nothing(endpoint: Endpoint, size: int) -> None:
    sessions = []

    async def make() -> None:
        sessions.append(endpoint.session(endpoint.service()))

    in_a_loop(make)
    (session,) = sessions
    pcm = counted(0, max(2, size // 2))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="event loop"):
            session.push(pcm)
        with pytest.raises(RuntimeError, match="event loop"):
            session.flush()
    assert session.buffered_bytes == 0

    async def use() -> list[Any]:
        watch = Watch(session)
        session.push(pcm)
        return await watch.close()

    assert in_a_loop(use)[-1].pushed_s == len(pcm) / 2 / RATE


def test_a_push_without_a_loop_leaves_the_converter_alone(endpoint: Endpoint) -> None:
    session = endpoint.session(FakeNova(()), converter=PcmPipeline(8_000, RATE, channels=1))
    with pytest.raises(RuntimeError):
        session.push(bytes(3_201))

    async def use() -> list[Any]:
        watch = Watch(session)
        session.push(bytes(1_600))
        return await watch.close()

    assert in_a_loop(use)[-1].pushed_s == pytest.approx(0.1)


# Pools


def test_a_pool_is_closed_in_another_run_than_it_was_used_in(endpoint: Endpoint) -> None:
    pool = SessionPool(KEY)  # with a transport of its own, whose loop ends as well
    memory = SessionPool(KEY, transport=MemoryTransport(endpoint.service()), max_listen=1)

    async def use() -> None:
        session = memory.listen_v2()
        await speak_into(session, 0.5)
        pool.listen_v2()

    async def close() -> None:
        await memory.aclose()
        await pool.aclose()
        await pool.aclose()
        with pytest.raises(SessionClosed):
            pool.listen_v2()

    in_a_loop(use)
    in_a_loop(close)


def test_of_a_pool_with_sessions_of_another_loop_the_others_are_closed() -> None:
    """The loop of one still runs: that session cannot be closed from here, and the error says so."""
    options = ListenV1Options(encoding="linear16", sample_rate=RATE)
    made: list[ListenV1Session] = []
    failures: list[BaseException] = []
    transport = MemoryTransport(FakeNova(()))

    async def close_elsewhere(pool: SessionPool) -> None:
        try:
            await pool.aclose()
        except LocalProtocolError as error:
            failures.append(error)

    async def use() -> None:
        pool = SessionPool(KEY, transport=transport)
        made.append(pool.listen_v1(options))
        await speak_into(made[0], 0.5)
        thread = threading.Thread(target=in_a_loop, args=(lambda: close_elsewhere(pool),))
        thread.start()
        thread.join()
        await pool.aclose()
        events = await collect(made[0])
        assert events[-1].complete

    in_a_loop(use)
    assert len(failures) == 1
