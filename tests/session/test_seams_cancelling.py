"""Cancellation: of all tasks, of a consumer, of a caller, of a credential."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.session.driving import (
    KEY,
    Endpoint,
    endpoints,
    peers,
    speak_into,
    transport_of,
)
from tests.session.fake_service import deaf
from tests.session.loops import FRAME, call
from tests.session.watching import Watch

from speechwire.errors import ConnectFailed, SessionClosed
from speechwire.session import SessionEnded
from speechwire.transport import MemoryPeer

endpoint = endpoints("flux", "nova")


# Cancelled


STATES = ["connecting", "open", "waiting to retry", "outage", "draining"]


@pytest.mark.parametrize("state", STATES)
async def test_when_all_tasks_are_cancelled_the_session_ends_with_a_reason(
    endpoint: Endpoint, state: str
) -> None:
    async def serve(peer: MemoryPeer) -> None:
        if state == "connecting":
            await asyncio.sleep(3600)
        if state in ("waiting to retry", "outage"):
            peer.refuse(ConnectFailed("wss://x", "no route"))
        elif state == "draining":
            await deaf(peer)
        else:
            await endpoint.service()(peer)

    session = endpoint.session(serve)
    before = asyncio.all_tasks()
    await speak_into(session, 100.0 if state == "outage" else 0.5)
    closing = asyncio.create_task(session.aclose()) if state == "draining" else None
    await asyncio.sleep(0.05)
    for task in asyncio.all_tasks() - before:
        task.cancel()
    await asyncio.sleep(0.1)
    watch = Watch(session)
    await asyncio.sleep(0)
    if closing is not None:
        await asyncio.wait({closing}, timeout=10.0)
    await asyncio.wait_for(watch.close(), 10.0)
    assert isinstance(watch.events[-1], SessionEnded)
    assert not watch.events[-1].complete
    assert watch.events[-1].dropped_s == watch.events[-1].pushed_s
    assert isinstance(watch.error, SessionClosed) or state == "draining"
    assert session.error is watch.error
    with pytest.raises(SessionClosed):
        session.push(FRAME)


async def test_a_consumer_that_is_cancelled_can_read_on(endpoint: Endpoint) -> None:
    session = endpoint.session(endpoint.service())
    await speak_into(session, 1.0)
    while session._runner.events._count:
        await session.__anext__()
    for _ in range(3):
        waiting = asyncio.ensure_future(session.__anext__())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
    watch = Watch(session)
    assert (await watch.close())[-1].complete


@pytest.mark.parametrize("method", ["aclose", "connect", "configure", "reopen"])
@pytest.mark.parametrize("steps", [0, 1, 3, 8])
async def test_a_caller_that_is_cancelled_leaves_a_session_that_works(
    endpoint: Endpoint, method: str, steps: int
) -> None:
    async def serve(peer: MemoryPeer) -> None:
        await asyncio.sleep(0.01)
        await endpoint.service()(peer)

    session = endpoint.session(serve)
    watch = Watch(session)
    await speak_into(session, 0.5)
    waiting = asyncio.create_task(session.aclose() if method == "aclose" else call(session, method))
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    if method != "aclose":
        await speak_into(session, 0.5, start_s=0.5)
    events = await asyncio.wait_for(watch.close(), 10.0)
    assert isinstance(events[-1], SessionEnded)
    assert method == "aclose" or events[-1].complete
    await transport_of(session).aclose()


async def cancelled() -> str:
    """What a credential's callable waited for was cancelled."""
    waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waiting.cancel()
    return await waiting


def cancelled_at_once() -> str:
    raise asyncio.CancelledError


@pytest.mark.parametrize("credential", [cancelled, cancelled_at_once])
@pytest.mark.parametrize("later", [False, True], ids=["at first", "at a reconnect"])
async def test_a_credential_that_was_cancelled_is_an_attempt_that_failed(
    endpoint: Endpoint, credential: Callable[[], Any], later: bool
) -> None:
    asked = 0

    async def key() -> str:
        nonlocal asked
        asked += 1
        if asked == 1 + later:
            return str(await credential() if asyncio.iscoroutinefunction(credential) else credential())
        return KEY

    service = endpoint.service([(0.0, 0.5)])
    session = endpoint.session(service, api_key=key)
    watch = Watch(session)
    await speak_into(session, 1.0)
    if later:
        peers(session)[0].reset()
    await speak_into(session, 2.0, start_s=1.0)
    events = await watch.close()
    assert watch.error is None
    assert events[-1].complete
    assert asked == 2 + later
