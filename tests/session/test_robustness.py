"""What holds whatever happens: cancellation leaves nothing behind, and the key is never shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.session.driving import (
    Endpoint,
    check_turns,
    check_words,
    collect,
    converse,
    endpoints,
    peers,
    speak_into,
    transport_of,
)
from tests.session.fake_service import Fault, close, deaf, reset, stall
from tests.session.fake_voice import FakeAura
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import ConnectFailed, HandshakeRefused, SpeechwireError
from speechwire.session import BackoffPolicy, ListenV1Session, ListenV2Session, SpeakSession
from speechwire.transport import CloseEvent, MemoryPeer, MemoryTransport

SECRET = "0123456789abcdef0123456789abcdef-secret"


endpoint = endpoints("flux", "nova")


async def until_cancelled(steps: int, work: asyncio.Task[Any]) -> None:
    """Let ``work`` run for so many turns of the loop (each moves the clock a little), then cancel it."""
    for step in range(steps):
        await asyncio.sleep(0 if step % 4 else 0.004)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


@pytest.mark.parametrize("script", ["good", "slow handshake", "refused", "reset", "deaf"])
async def test_a_listening_session_cancelled_at_any_step_leaves_nothing(
    endpoint: Endpoint, script: str
) -> None:
    for steps in range(0, 120, 3):
        service = endpoint.service(
            [(0.0, 1.0)], {0: (0.05, {"reset": reset, "deaf": deaf}.get(script, reset))}
        )

        async def serve(peer: MemoryPeer) -> None:
            if script == "slow handshake":
                await asyncio.sleep(0.05)
            if script == "refused":
                peer.refuse(HandshakeRefused(503))
            elif script == "good":
                await endpoint.service([(0.0, 1.0)])(peer)
            else:
                await service(peer)  # noqa: B023

        session = endpoint.session(serve)

        async def talk() -> None:
            async with session:  # noqa: B023
                await session.connect()  # noqa: B023
                await speak_into(session, 0.3)  # noqa: B023
                session.flush()  # noqa: B023
                async for _ in session:  # noqa: B023
                    pass

        await check_cancellation(talk, steps, transport_of(session))


async def test_a_speaking_session_cancelled_at_any_step_leaves_nothing() -> None:
    for steps in range(0, 160, 3):
        transport = MemoryTransport(FakeAura({0: (6, reset)}))

        async def talk() -> None:
            async with SpeakSession("k", transport=transport) as session:  # noqa: B023
                await session.prewarm()
                old = session.speak("Old reply.")
                await asyncio.sleep(0.1)
                old.interrupt()
                async for _ in session.speak("New reply."):
                    pass

        await check_cancellation(talk, steps, transport)


async def check_cancellation(talk: Callable[[], Any], steps: int, transport: Any) -> None:
    before = asyncio.all_tasks()
    await until_cancelled(steps, asyncio.create_task(talk()))
    for peer in transport.peers:
        assert peer._to_client.closed is not None or not peer._accepted.done() or peer._accepted.exception()
    await transport.aclose()
    assert asyncio.all_tasks() == before


# The key


REFUSALS: dict[str, SpeechwireError] = {
    "401": HandshakeRefused(401, "no", dg_error="Invalid credentials."),
    "429": HandshakeRefused(429),
    "503": HandshakeRefused(503),
    "unreachable": ConnectFailed("wss://api.deepgram.com", "no route"),
}


@pytest.mark.parametrize("failure", [*REFUSALS, "reset", "1008", "1011", "deaf", "crash", "none"])
@pytest.mark.parametrize("kind", ["flux", "nova", "speak"])
async def test_the_key_is_never_shown(kind: str, failure: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    faults: dict[str, Fault] = {
        "reset": reset,
        "1008": close(1008, "DATA-0000"),
        "1011": close(1011),
        "deaf": deaf,
    }
    fault = faults.get(failure)
    shown: list[object] = []

    async def serve(peer: MemoryPeer) -> None:
        shown.append(peer.request)
        assert peer.request.headers["Authorization"] == f"Token {SECRET}"
        if failure in REFUSALS:
            peer.refuse(REFUSALS[failure])
        elif failure == "crash":
            peer.send("x" * 100)
            peer.reset()
        elif kind == "speak":
            await FakeAura({peer.number: (3, fault)} if fault else {})(peer)
        else:
            service = Endpoint(kind).service([(0.0, 0.5)], {peer.number: (1.0, fault)} if fault else {})
            await service(peer)

    policy = BackoffPolicy(max_attempts=3, max_quick_failures=2)
    transport = MemoryTransport(serve)
    if kind == "speak":
        shown += await speak_anyhow(SECRET, transport)
    else:
        session = Endpoint(kind).session(serve, api_key=SECRET, backoff=policy, progress_timeout_s=1.0)
        shown += [session, *vars(session).values(), *await listen_anyhow(session), session.error]
        shown += [peer.request.url for peer in peers(session)]
    shown += caplog.messages
    for thing in shown:
        assert SECRET not in repr(thing)
        if isinstance(thing, BaseException):
            check_chain(thing)


async def listen_anyhow(session: Any) -> list[object]:
    seen: list[object] = []
    try:
        await speak_into(session, 2.0)
    except SpeechwireError as error:
        seen.append(error)
    await session.aclose()
    try:
        async for event in session:
            seen.append(event)
    except SpeechwireError as error:
        seen.append(error)
    return seen


async def speak_anyhow(key: str, transport: MemoryTransport) -> list[object]:
    seen: list[object] = []
    session = SpeakSession(key, transport=transport, on_retry=seen.append)
    for attempt in (session.prewarm(), session.speak("Hello there.").wait()):
        try:
            await attempt
        except SpeechwireError as error:
            seen.append(error)
    await session.aclose()
    return [*seen, session, *vars(session).values()]


def check_chain(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        for text in (str(seen), repr(seen), repr(seen.args), repr(vars(seen))):
            assert SECRET not in text
        seen = seen.__cause__ or seen.__context__


@pytest.mark.parametrize("make", [ListenV2Session, ListenV1Session, SpeakSession])
def test_the_key_is_not_in_the_url(make: Any) -> None:
    session = make(SECRET, transport=MemoryTransport(stall))
    url = (
        session._runner._url
        if isinstance(session, SpeakSession)
        else session._runner.options.wanted.url(session._runner._base_url)
    )
    assert url.startswith("wss://api.deepgram.com/")
    assert SECRET not in url


# Random stories

actions = st.lists(
    st.tuples(st.floats(0.1, 3.0), st.sampled_from(["reset", "1011", "1005", "deaf", "refuse", "slow"])),
    max_size=3,  # beyond three failures at one point what is sent again is bounded
)


FAILING = ("reset", "1011", "1005", "deaf")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=actions, handshake_s=st.floats(0, 0.5), kind=st.sampled_from(["flux", "nova"]))
def test_random_stories_lose_nothing(story: list[tuple[float, str]], handshake_s: float, kind: str) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live_through(story, handshake_s, Endpoint(kind)))


async def live_through(story: list[tuple[float, str]], handshake_s: float, endpoint: Endpoint) -> None:
    faults: dict[str, Fault] = {"reset": reset, "1011": close(1011), "1005": close(1005), "deaf": deaf}
    service = endpoint.service(
        [(0.5, 2.0), (4.0, 6.5), (9.0, 10.0)],
        {number: (at, faults[what]) for number, (at, what) in enumerate(story) if what in faults},
    )

    async def serve(peer: MemoryPeer) -> None:
        what = story[peer.number][1] if peer.number < len(story) else ""
        await asyncio.sleep(12.0 if what == "slow" else handshake_s)
        if what == "refuse":
            peer.refuse(HandshakeRefused(503))
        elif not isinstance(peer._to_client.closed, CloseEvent):
            await service(peer)

    patient = BackoffPolicy(max_quick_failures=20, max_attempts=20)
    session = endpoint.session(serve, backoff=patient, drain_timeout_s=300.0, buffer_s=120.0)
    events = await converse(session, 12.0)
    check_turns(events)
    if not events[-1].complete:  # the end was asked for, and the one connection that may follow failed too
        assert sum(what in FAILING for _, what in story[: len(peers(session))]) >= 2
        assert events[-1].dropped_s > 0
    else:
        check_words(service, events)
        assert len(service.counts()) == 12000
        assert events[-1].dropped_s == 0
    assert await collect(session) == []
    await transport_of(session).aclose()
