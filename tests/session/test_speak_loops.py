"""A session lives in one event loop: elsewhere it works at once or says at once what to do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

import pytest
from tests.session.fake_voice import FakeAura, heard
from tests.session.handshakes import silent
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import SessionClosed
from speechwire.session import SpeakRequest, SpeakSession
from speechwire.session._states import State
from speechwire.transport import MemoryTransport

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run` does: what is left is cancelled, and the loop is closed."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(asyncio.wait_for(work, 100))


@pytest.fixture
def session() -> SpeakSession:
    return SpeakSession("k", transport=MemoryTransport(FakeAura()))


async def begin(session: SpeakSession) -> SpeakRequest:
    request = session.speak("This is a text that takes its time to be spoken.")
    await anext(request)
    return request


async def listen_to(request: SpeakRequest) -> str:
    return heard(b"".join([pcm async for pcm in request]))


def test_after_its_loop_has_ended_it_is_over(session: SpeakSession) -> None:
    request = run(begin(session))
    assert session.state is State.SHUTDOWN
    assert session.over
    with pytest.raises(SessionClosed, match="make a new"):
        run(ask(session))
    with pytest.raises(SessionClosed, match="make a new"):
        run(session.prewarm())
    with pytest.raises(SessionClosed, match="was cancelled"):
        run(request.wait())
    run(session.aclose())
    run(session.aclose())


async def say(session: SpeakSession, text: str) -> str:
    return await listen_to(session.speak(text))


async def ask(session: SpeakSession) -> None:
    session.request()


def test_a_loop_that_was_closed_without_a_word(session: SpeakSession) -> None:
    loop = VirtualTimeLoop()
    request = loop.run_until_complete(begin(session))
    thrown_away = asyncio.all_tasks(loop)
    loop.close()
    assert session.over
    with pytest.raises(
        SessionClosed, match="^the session belongs to another event loop: make a new one in this loop$"
    ):
        run(ask(session))
    with pytest.raises(SessionClosed, match="another event loop"):
        run(drain(request))
    run(session.aclose())
    assert session.state is State.SHUTDOWN
    with pytest.raises(SessionClosed):
        run(request.wait())
    for task in thrown_away:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        with suppress(RuntimeError):  # what they would do at their end needs the loop
            task.get_coro().close()


async def drain(request: SpeakRequest) -> None:
    async for _ in request:
        pass


def test_a_loop_that_stands_still(session: SpeakSession) -> None:
    loop = VirtualTimeLoop()
    request = loop.run_until_complete(begin(session))
    with pytest.raises(SessionClosed, match="another event loop"):
        run(session.prewarm())
    run(session.aclose())
    assert session.state is State.SHUTDOWN
    loop.run_until_complete(asyncio.sleep(1))
    assert session.over
    with pytest.raises(SessionClosed):
        loop.run_until_complete(request.wait())
    loop.run_until_complete(session.aclose())
    assert asyncio.all_tasks(loop) == set()
    loop.close()


def test_who_waits_in_a_loop_that_stands_still_is_told_when_it_goes_on() -> None:
    session = SpeakSession("k", transport=MemoryTransport(silent))

    async def begin_to_wait() -> set[asyncio.Task[Any]]:
        request = session.speak("Nobody answers.")
        tasks = [asyncio.create_task(work) for work in (request.wait(), drain(request), session.prewarm())]
        await asyncio.sleep(0.1)
        return {*tasks, *asyncio.all_tasks()} - {cast(asyncio.Task[Any], asyncio.current_task())}

    async def outcomes(tasks: set[asyncio.Task[Any]]) -> list[str]:
        ended, _ = await asyncio.wait(tasks, timeout=1)
        return sorted(repr(task.cancelled() or task.exception()) for task in ended)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        tasks = runner.run(begin_to_wait())
        run(session.aclose())
        told = repr(SessionClosed("the session's task was cancelled: make a new session"))
        assert runner.run(outcomes(tasks)) == [told, told, told, "True"]


@pytest.fixture
def elsewhere() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def test_a_loop_that_runs_in_another_thread(
    session: SpeakSession, elsewhere: asyncio.AbstractEventLoop
) -> None:
    def there(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, elsewhere).result(10)

    there(begin(session))
    there_is = "another event loop: call it there, with asyncio.run_coroutine_threadsafe"
    calls = {ask: "belongs to", SpeakSession.prewarm: "belongs to", SpeakSession.aclose: "is in use in"}
    for call, how in calls.items():
        with pytest.raises(SessionClosed, match=f"^the session {how} {there_is}$"):
            run(call(session))
    assert there(say(session, "Still here.")) == "Still here."
    there(session.aclose())
    run(session.aclose())
    assert session.state is State.SHUTDOWN


def test_without_a_running_loop_nothing_is_kept(session: SpeakSession) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        session.speak("Nobody is there.")
    assert session.stats().requests == 0

    async def speak() -> str:
        async with session:
            return await listen_to(session.speak("Hi."))

    assert run(speak()) == "Hi."


def test_a_session_that_was_never_used_is_closed_anywhere(session: SpeakSession) -> None:
    run(session.aclose())
    assert session.state is State.SHUTDOWN
