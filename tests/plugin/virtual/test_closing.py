"""`aclose` returns or raises at once, whatever it meets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.plugin.virtual.driving import Serve, Service, of, service_of, speak, words
from videosdk.agents import STTResponse

from speechwire.session import SessionEnded
from speechwire.transport import MemoryPeer

Serving = Callable[[Serve], Service]

LAST_WORDS = [(1.0, 2.0)]


def ours(service: Service) -> set[asyncio.Task[object]]:
    """Tasks left over; neither the test's own nor the peer's."""
    return asyncio.all_tasks() - {asyncio.current_task()} - set(service.transport._tasks)


async def test_twice_and_at_once_from_several_tasks(service: Serving, endpoint: str) -> None:
    served = service(service_of(endpoint, LAST_WORDS))
    stt, listener = served.listen()
    await speak(stt, 2.0)
    await asyncio.gather(stt.aclose(), stt.aclose(), stt.aclose())
    assert words(listener) == [4, 5, 6, 7]
    await stt.aclose()
    await speak(stt, 1.0)
    assert len(of(SessionEnded, listener)) == len(served.peers) == 1
    assert ours(served) == set()


async def test_each_of_several_closers_waits_for_the_last_words(service: Serving, endpoint: str) -> None:
    stt, listener = service(service_of(endpoint, LAST_WORDS)).listen()
    seen: list[list[int]] = []

    async def slowly(response: STTResponse) -> None:
        await asyncio.sleep(0.5)
        await listener.hear(response)

    async def close() -> None:
        await stt.aclose()
        seen.append(words(listener))

    stt.on_stt_transcript(slowly)
    await speak(stt, 2.0)
    await asyncio.gather(close(), close())
    assert seen == [[4, 5, 6, 7]] * 2


async def test_in_the_middle_of_a_handshake(service: Serving, endpoint: str) -> None:
    async def never(peer: MemoryPeer) -> None:
        await asyncio.Event().wait()

    served = service(never)
    stt, listener = served.listen()
    began = asyncio.get_running_loop().time()
    await speak(stt, 1.0)
    await stt.aclose()
    assert asyncio.get_running_loop().time() - began < 7.0
    (ended,) = of(SessionEnded, listener)
    assert (ended.complete, ended.dropped_s) == (False, 1.0)
    assert ours(served) == set()


@pytest.mark.parametrize("obeys", [True, False])
async def test_while_a_callback_hangs(
    service: Serving, endpoint: str, obeys: bool, caplog: pytest.LogCaptureFixture
) -> None:
    served = service(service_of(endpoint, LAST_WORDS))
    stt, _ = served.listen()
    release = asyncio.Event()

    async def hang(response: STTResponse) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                if obeys:
                    raise

    stt.on_stt_transcript(hang)
    await speak(stt, 2.0)
    began = asyncio.get_running_loop().time()
    await stt.aclose()
    assert asyncio.get_running_loop().time() - began < 5.0
    said = "a transcript callback has not returned: the responses behind it are not delivered"
    assert said in [record.getMessage() for record in caplog.records]
    release.set()
    await asyncio.sleep(0.1)
    assert ours(served) == set()


async def test_a_callback_that_is_cancelled_may_leave_in_its_own_time(
    service: Serving, endpoint: str
) -> None:
    stt, _ = service(service_of(endpoint, LAST_WORDS)).listen()
    left: list[bool] = []

    async def hang(response: STTResponse) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)
            left.append(True)

    stt.on_stt_transcript(hang)
    await speak(stt, 2.0)
    await stt.aclose()
    assert left == [True]


async def test_from_within_a_callback(service: Serving, endpoint: str) -> None:
    served = service(service_of(endpoint, LAST_WORDS))
    stt, _ = served.listen()
    closed: list[bool] = []

    async def close(response: STTResponse) -> None:
        await stt.aclose()
        closed.append(True)

    stt.on_stt_transcript(close)
    await speak(stt, 3.0)
    await asyncio.sleep(1.0)
    assert closed == [True]
    assert ours(served) == set()


async def test_one_that_is_cancelled_can_be_repeated(service: Serving, endpoint: str) -> None:
    async def never(peer: MemoryPeer) -> None:
        await asyncio.Event().wait()

    served = service(never)
    stt, listener = served.listen()
    await speak(stt, 1.0)
    closing = asyncio.ensure_future(stt.aclose())
    await asyncio.sleep(0.5)
    closing.cancel()
    await asyncio.wait({closing})
    await stt.aclose()
    assert len(of(SessionEnded, listener)) == 1
    assert ours(served) == set()
