"""Whatever ends a session is said once, and the next audio is heard."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.plugin.virtual.driving import of, service_of, speak, words
from tests.plugin.virtual.refusing import TURNS, Serving, refusing
from videosdk.agents import STTResponse

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.session import OutageBegan, OutageEnded, SessionEnded
from speechwire.session._conversation import Conversation
from speechwire.transport import MemoryPeer


@pytest.mark.parametrize("outage_s", [40.0, 120.0])
async def test_an_outage_is_said_once_and_lived_through(
    service: Serving, endpoint: str, outage_s: float
) -> None:
    """The caller goes on speaking, and is heard within 10 s of the service's return."""
    clock = asyncio.get_running_loop().time
    began = clock()
    all_s = outage_s + 130.0  # the backlog is sent little faster than it was said
    fake = service_of(endpoint, [(t, t + 1.0) for t in range(1, int(all_s) - 2, 2)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        is_out = clock() - began < outage_s
        return ConnectFailed("ws://there", "connection refused") if is_out else None

    stt, listener = service(refusing(fake, refusal)).listen()
    heard_at: list[float] = []

    async def hear(response: STTResponse) -> None:
        heard_at.append(clock() - began)
        await listener.hear(response)

    stt.on_stt_transcript(hear)
    await speak(stt, all_s)
    assert outage_s <= heard_at[0] <= outage_s + 10.0
    stt.on_stt_transcript(hear)  # of an outage that is over nothing is left to be dropped
    await speak(stt, 1.0, start_s=all_s)
    await stt.aclose()
    assert len(listener.errors) == 1
    assert "connection refused" in listener.errors[0]
    assert len(of(OutageBegan, listener)) == len(of(OutageEnded, listener)) == 1
    (ended,) = of(SessionEnded, listener)
    # What was pushed within the bound of the buffer before the return is heard as well, each word once.
    kept_from = int((outage_s - 20.0) * 4)
    expected = [word for word in fake.words if word >= kept_from]
    assert [word for word in words(listener) if word >= kept_from] == expected
    assert ended.dropped_s == pytest.approx(max(0.0, outage_s - 26.0), abs=9.0)
    assert stt.ignored_s == 0.0


async def test_an_error_of_the_closing_in_an_outage_is_not_said_again(service: Serving) -> None:
    def refusal(peer: MemoryPeer) -> Exception:
        return ConnectFailed("ws://there", "connection refused")

    async def never(peer: MemoryPeer) -> None: ...

    stt, listener = service(refusing(never, refusal)).listen()
    await speak(stt, 60.0)
    await stt.aclose()
    assert len(listener.errors) == 1
    (ended,) = of(SessionEnded, listener)
    assert (ended.complete, ended.dropped_s) == (False, ended.pushed_s)


def fail_once(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Have sessions fail from within, by a fault that nobody foresaw."""
    live = Conversation.live
    faults = iter([ZeroDivisionError("secret words")] * times)

    async def live_or_fail(*arguments: Any) -> None:
        if (fault := next(faults, None)) is not None:
            await asyncio.sleep(0.3)
            raise fault
        await live(*arguments)

    monkeypatch.setattr(Conversation, "live", live_or_fail)


async def test_a_fault_of_our_own_is_said_once_and_the_next_audio_is_heard(
    service: Serving, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    fail_once(monkeypatch)
    stt, listener = served.listen()
    await speak(stt, 7.0)
    await stt.aclose()
    assert words(listener) == fake.words
    (error,) = listener.errors
    assert "speechwire itself failed (ZeroDivisionError)" in error
    assert "secret words" not in error
    assert stt.ignored_s == 0.0


async def test_faults_of_our_own_in_a_row_make_no_storm(
    service: Serving, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = service_of(endpoint, [(60.0, 61.0)])
    served = service(fake)
    fail_once(monkeypatch, times=8)
    stt, listener = served.listen()
    await speak(stt, 65.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert len(listener.errors) == 8
    assert stt.ignored_s == pytest.approx(0.25 + 0.5 + 1 + 2 + 4 + 8 + 8, abs=0.3)


async def test_all_tasks_are_cancelled_and_the_next_audio_is_heard(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    stt, listener = served.listen()
    await speak(stt, 2.8)
    serving = set(served.transport._tasks)
    for task in asyncio.all_tasks() - {asyncio.current_task()} - serving:
        task.cancel()
    await speak(stt, 4.0, start_s=3.0)
    await stt.aclose()
    assert words(listener) == fake.words
    (error,) = listener.errors
    assert "cancelled" in error
    assert len(served.peers) == 2


async def test_a_delivery_that_was_cancelled_is_taken_up_again(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, TURNS)
    served = service(fake)
    stt, listener = served.listen()
    await speak(stt, 1.5)
    assert stt._stream is not None
    assert stt._stream.delivery is not None
    stt._stream.delivery.cancel()
    await speak(stt, 5.0, start_s=1.5)
    assert words(listener)[:4] == [4, 5, 6, 7]
    await stt.aclose()
    assert words(listener) == fake.words
    assert listener.errors == []
    assert len(served.peers) == 1


async def test_what_was_said_before_the_delivery_was_cancelled_comes_at_the_close(
    service: Serving, endpoint: str
) -> None:
    stt, listener = service(service_of(endpoint, [(1.0, 2.0)])).listen()
    await speak(stt, 1.9)
    assert stt._stream is not None
    assert stt._stream.delivery is not None
    stt._stream.delivery.cancel()
    await asyncio.sleep(0.0)
    await stt.aclose()
    assert words(listener) == [4, 5, 6]


async def test_a_component_taken_back_into_use_after_an_outage_begins_anew(
    service: Serving, endpoint: str
) -> None:
    """Others have answered what it kept; the framework's fallback sets the callback when it comes back."""
    clock = asyncio.get_running_loop().time
    began = clock()
    fake = service_of(endpoint, [(1.0, 2.0), (101.0, 102.0)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        is_out = clock() - began < 70.0
        return ConnectFailed("ws://there", "connection refused") if is_out else None

    stt, listener = service(refusing(fake, refusal)).listen()
    await speak(stt, 45.0)
    assert len(listener.errors) == 1
    await asyncio.sleep(60.0)
    stt.on_stt_transcript(listener.hear)
    await speak(stt, 3.0, start_s=100.0)
    await stt.aclose()
    assert words(listener) == [404, 405, 406, 407]
    first, second = of(SessionEnded, listener)
    assert (first.complete, first.dropped_s) == (False, first.pushed_s)
    assert (second.complete, second.dropped_s) == (True, 0.0)


async def test_a_component_taken_back_into_use_tries_a_refused_key_again_and_says_so_again(
    service: Serving, endpoint: str
) -> None:
    served = service(refusing(service_of(endpoint, ()), lambda peer: HandshakeRefused(401, "no")))
    stt, listener = served.listen()
    for attempts in (1, 2, 3):
        await speak(stt, 5.0)
        assert len(served.peers) == len(listener.errors) == attempts
        stt.on_stt_transcript(listener.hear)
    await stt.aclose()


async def test_another_address_is_tried_in_an_outage(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, [(41.0, 42.0)])

    def refusal(peer: MemoryPeer) -> Exception | None:
        return None if "127.0.0.2" in peer.request.url else ConnectFailed("ws://there", "refused")

    stt, listener = service(refusing(fake, refusal)).listen()
    await speak(stt, 40.0)
    stt.base_url = stt.base_url.replace("wss://api.deepgram.com", "ws://127.0.0.2")
    await speak(stt, 3.0, start_s=40.0)
    await stt.aclose()
    assert words(listener) == fake.words
    assert len(listener.errors) == 1
