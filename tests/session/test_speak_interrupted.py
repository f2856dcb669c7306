"""An interrupted request is heard no more, and the next one at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.fake_voice import FakeAura, heard

from speechwire.errors import (
    LocalProtocolError,
    SessionClosed,
)
from speechwire.session import SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import MemoryPeer, MemoryTransport


def session_with(service: FakeAura, **settings: Any) -> SpeakSession:
    return SpeakSession("secret-key", transport=MemoryTransport(service), settings=SpeakSettings(**settings))


async def listen_to(request: SpeakRequest) -> str:
    return heard(b"".join([pcm async for pcm in request]))


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.06, 0.3, 1.0])
async def test_nothing_of_an_interrupted_request_is_heard_afterwards(after_s: float) -> None:
    service = FakeAura()
    async with session_with(service) as session:
        old = session.speak("This is the old reply, which nobody wants to hear any more.")
        reading = asyncio.create_task(listen_to_bytes(old))
        await asyncio.sleep(after_s)
        old.interrupt()
        before = old.audio_bytes
        assert await listen_to(session.speak("New.")) == "New."
        await reading
    assert old.interrupted
    assert old.audio_bytes == before
    assert len(service.messages) == 1, "the same connection serves on"


async def listen_to_bytes(request: SpeakRequest) -> bytes:
    return b"".join([pcm async for pcm in request])


async def test_interruption_while_connecting_says_nothing() -> None:
    service = FakeAura()

    async def slow(peer: MemoryPeer) -> None:
        await asyncio.sleep(2)
        await service(peer)

    async with SpeakSession("k", transport=MemoryTransport(slow)) as session:
        request = session.speak("Never heard.")
        await asyncio.sleep(1)
        request.interrupt()
        assert await listen_to(session.speak("Heard.")) == "Heard."
    assert "Never heard." not in [message.get("text") for message in service.messages[0]]


class Nobody:
    """Speaks nothing."""

    def wake(self) -> None: ...

    def on_interrupt(self, request: SpeakRequest, heard_s: float | None) -> None: ...

    def check_loop(self) -> None: ...


async def test_a_request_that_was_interrupted_takes_no_audio() -> None:
    request = SpeakRequest(Nobody(), sample_bytes=2, text_limit=100)
    request.push("text")
    request.deliver(b"ab")
    request.interrupt()
    request.deliver(b"cd")
    request.fail(SessionClosed("late"))
    assert [pcm async for pcm in request] == []
    assert request.error is None
    request.push("ignored")
    request.end()
    with pytest.raises(LocalProtocolError):
        request.push("too late")


async def test_the_next_request_need_not_wait_for_cleared() -> None:
    service = FakeAura(latency_s=0.5)
    async with session_with(service) as session:
        old = session.speak("This is the old reply, which nobody wants to hear any more.")
        await asyncio.sleep(2)
        old.interrupt()
        session.speak("New.")
        await asyncio.sleep(0.01)
        assert service.kinds()[-3:] == ["Clear", "Speak", "Flush"]


async def test_a_service_that_does_not_clear_is_left() -> None:
    service = FakeAura(answers_clear=False)
    async with session_with(service) as session:
        old = session.speak("This is the old reply, which nobody wants to hear any more.")
        await asyncio.sleep(1)
        old.interrupt()
        began = asyncio.get_running_loop().time()
        assert await listen_to(session.speak("New.")) == "New."
        assert asyncio.get_running_loop().time() - began < 2, (
            "within the fence's deadline, not the progress one"
        )
    assert len(service.messages) == 2
