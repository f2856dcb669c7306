"""`stream_transcribe`: what the source or the consumer does, the rest follows."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from tests.plugin.conftest import KEY
from tests.plugin.virtual.driving import FRAME_S, FRAME_SAMPLES, Plugin, Serve, Service, service_of, speak
from tests.session.counted import RATE, counted

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.transport import MemoryPeer

Serving = Callable[[Serve], Service]


async def source(seconds: float, failure: BaseException | None = None) -> AsyncIterator[bytes]:
    for start in range(0, round(seconds * RATE), FRAME_SAMPLES):
        yield counted(start, FRAME_SAMPLES)
        await asyncio.sleep(FRAME_S)
    if failure is not None:
        raise failure


async def heard(stt: Plugin, audio: AsyncIterator[bytes], into: list[int]) -> None:
    async for response in stt.stream_transcribe(audio):
        if response.event_type.name == "FINAL":
            into += [int(word) for word in response.data.text.split()]


def ours(service: Service) -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()} - set(service.transport._tasks)


@pytest.mark.parametrize("failure", [None, OSError("unplugged"), ValueError("bad"), KeyError("a")])
async def test_what_came_before_a_failure_of_the_source_is_transcribed_and_then_it_is_raised(
    service: Serving, endpoint: str, failure: Exception | None
) -> None:
    served = service(service_of(endpoint, [(1.0, 2.0)]))
    stt, listener = served.listen()
    words: list[int] = []
    try:
        await heard(stt, source(2.0, failure), words)
    except Exception as raised:
        assert raised is failure
    else:
        assert failure is None
    assert words == [4, 5, 6, 7]
    assert listener.errors == []
    assert ours(served) == set()


async def test_a_source_that_is_cancelled_by_itself_cancels(service: Serving, endpoint: str) -> None:
    served = service(service_of(endpoint, [(1.0, 2.0)]))
    stt, _ = served.listen()
    words: list[int] = []
    with pytest.raises(asyncio.CancelledError):
        await heard(stt, source(2.0, asyncio.CancelledError()), words)
    assert words == [4, 5, 6, 7]
    assert ours(served) == set()


async def test_a_source_that_fails_before_any_audio(service: Serving, endpoint: str) -> None:
    served = service(service_of(endpoint, ()))
    stt, _ = served.listen()
    with pytest.raises(OSError, match="unplugged"):
        await heard(stt, source(0.0, OSError("unplugged")), [])
    assert served.peers == []
    assert ours(served) == set()


async def test_a_source_without_audio_opens_nothing(service: Serving, endpoint: str) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b""

    served = service(service_of(endpoint, ()))
    stt, _ = served.listen()
    await heard(stt, nothing(), [])
    assert served.peers == []


@pytest.mark.parametrize("way", ["aclose", "cancel", "raise"])
async def test_a_consumer_that_stops_early_leaves_nothing(service: Serving, endpoint: str, way: str) -> None:
    """Results that nobody wants are not waited for."""
    fake = service_of(endpoint, [(1.0, 30.0)])

    async def serve(peer: MemoryPeer) -> None:
        peer.close = lambda *_: None  # type: ignore[method-assign]  # it takes its time
        await fake(peer)

    served = service(serve)
    stt, _ = served.listen()
    clock = asyncio.get_running_loop().time

    async def consume() -> None:
        async with aclosing(stt.stream_transcribe(source(60.0))) as responses:  # type: ignore[type-var]
            async for _ in responses:
                if way == "raise":
                    raise ZeroDivisionError
                if way == "aclose":
                    break
                await asyncio.sleep(1000)

    consuming = asyncio.ensure_future(consume())
    await asyncio.sleep(3.0)
    consuming.cancel()
    began = clock()
    await asyncio.wait({consuming})
    assert clock() - began < 0.1
    assert ours(served) == set()
    assert list(stt._streams()) == []


async def test_a_failure_is_raised_and_said_as_an_error(service: Serving, endpoint: str) -> None:
    async def refuse(peer: MemoryPeer) -> None:
        peer.refuse(HandshakeRefused(401, "no"))

    served = service(refuse)
    stt, listener = served.listen()
    with pytest.raises(HandshakeRefused, match="HTTP 401"):
        await heard(stt, source(60.0), [])
    assert len(listener.errors) == 1
    assert ours(served) == set()
    # The framework's hook begins again with every frame: that must not become one handshake per frame.
    for _ in range(20):
        with pytest.raises(HandshakeRefused):
            await heard(stt, source(0.1), [])
    assert len(served.peers) == 1
    assert stt.ignored_s == pytest.approx(2.0)


async def test_an_outage_is_said_and_lived_through(service: Serving, endpoint: str) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    fake = service_of(endpoint, [(30.0, 31.0), (55.0, 56.0)])

    async def serve(peer: MemoryPeer) -> None:
        if clock() - began < 45.0:
            peer.refuse(ConnectFailed("ws://there", "refused"))
        else:
            await fake(peer)

    stt, listener = service(serve).listen()
    words: list[int] = []
    await heard(stt, source(170.0), words)
    assert words == fake.words
    assert len(listener.errors) == 1


async def test_closing_the_plugin_ends_the_stream_with_its_last_words(
    service: Serving, endpoint: str
) -> None:
    served = service(service_of(endpoint, [(1.0, 30.0)]))
    stt, _ = served.listen()
    words: list[int] = []
    hearing = asyncio.ensure_future(heard(stt, source(60.0), words))
    await asyncio.sleep(1.95)
    await stt.aclose()
    await hearing
    assert words == [4, 5, 6]
    assert ours(served) == set()


async def test_two_streams_and_a_call_at_once_do_not_mix(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, [(1.0, 2.0)])
    served = service(fake)
    stt, listener = served.listen()
    first: list[int] = []
    second: list[int] = []
    await asyncio.gather(heard(stt, source(3.0), first), heard(stt, source(3.0), second), speak(stt, 3.0))
    await stt.aclose()
    spoken = [int(word) for text in listener.finals for word in text.split()]
    assert first == second == spoken == [4, 5, 6, 7]
    assert len(served.peers) == 3


async def test_a_flush_reaches_the_stream(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, [(1.0, 30.0)])
    arguments: dict[str, Any] = {} if endpoint == "nova" else {"force_end_turn_on_flush": True}
    served = service(fake)
    stt, _ = served.listen(**arguments)
    words: list[int] = []
    hearing = asyncio.ensure_future(heard(stt, source(10.0), words))
    await asyncio.sleep(3.0)
    await stt.flush()
    await asyncio.sleep(0.3)
    assert words[:4] == [4, 5, 6, 7]
    await hearing


async def test_no_key_is_in_a_traceback_with_variables(service: Serving, endpoint: str) -> None:
    """As some reporters of errors make it."""
    stt, _ = service(service_of(endpoint, ())).listen()
    stt.model = ""
    with pytest.raises(ValueError, match="model") as raised:
        await heard(stt, source(1.0), [])
    told = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert KEY not in "".join(told.format())
