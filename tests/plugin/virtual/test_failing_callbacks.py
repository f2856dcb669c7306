"""A callback that fails costs one response and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from tests.plugin.virtual.driving import service_of, speak, words
from tests.plugin.virtual.refusing import TURNS, Serving
from videosdk.agents import STTResponse


class Odd(BaseException):
    """Neither an Exception nor one of those that end a process."""


@pytest.mark.parametrize(
    "failure", [RuntimeError("broken"), asyncio.CancelledError(), Odd(), TimeoutError(), StopAsyncIteration()]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_callback_that_raises_costs_one_response(
    service: Serving,
    endpoint: str,
    failure: BaseException,
    at_once: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()
    deliveries: set[object] = set()

    async def hear(response: STTResponse) -> None:
        deliveries.add(asyncio.current_task())
        await listener.hear(response)
        if not at_once:
            await asyncio.sleep(0.01)
        raise failure

    stt.on_stt_transcript(hear)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert listener.errors == []
    assert len(deliveries) == 1  # it was not ended and taken up again
    assert caplog.messages == ["the transcript callback failed"] * len(listener.responses)


async def test_a_callback_whose_awaited_task_is_cancelled_costs_one_response(
    service: Serving, endpoint: str
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()

    async def hear(response: STTResponse) -> None:
        await listener.hear(response)
        helper = asyncio.ensure_future(asyncio.sleep(1))
        helper.cancel()
        await helper

    stt.on_stt_transcript(hear)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words


async def test_a_handler_of_events_that_raises_costs_nothing(
    service: Serving, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    fake = service_of(endpoint, TURNS)
    stt, listener = service(fake).listen()

    def fail(event: object) -> None:
        raise asyncio.CancelledError

    stt.on("event", fail)
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert caplog.messages == ["a handler of the event 'event' failed"] * len(listener.events)
    assert {record.name for record in caplog.records} == {"videosdk.plugins.deepgram"}


async def test_a_real_cancellation_in_a_callback_ends_the_delivery(service: Serving, endpoint: str) -> None:
    """Also where the callback makes another exception of it, or swallows it."""
    for swallow in (True, False):
        stt, listener = service(service_of(endpoint, TURNS)).listen()
        waiting = asyncio.Event()

        async def hear(
            response: STTResponse, swallow: bool = swallow, waiting: asyncio.Event = waiting
        ) -> None:
            waiting.set()
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                if not swallow:
                    raise RuntimeError("not now") from None

        stt.on_stt_transcript(hear)
        await speak(stt, 2.0)
        await waiting.wait()
        assert stt._stream is not None
        delivery = stt._stream.delivery
        assert delivery is not None
        delivery.cancel()
        await asyncio.wait({delivery}, timeout=10.0)
        assert delivery.cancelled()
        stt.on_stt_transcript(listener.hear)
        await stt.aclose()
