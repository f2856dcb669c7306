"""What a session keeps is bounded, and what does not fit is counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.session.counted import RATE, counted
from tests.session.driving import (
    Endpoint,
    Listening,
    collect,
    endpoints,
    of,
    peers,
    speak_into,
)
from tests.session.fake_service import FakeService, stall

from speechwire.audio import AudioRing
from speechwire.session import AudioDropped
from speechwire.transport import MemoryPeer

endpoint = endpoints("flux", "nova")


def ring_of(session: Listening) -> AudioRing:
    return session._runner.audio.ring


async def offline(endpoint: Endpoint, **settings: Any) -> tuple[Listening, asyncio.Event, FakeService]:
    """A session whose service answers no handshake before the event."""
    back = asyncio.Event()
    service = endpoint.service([(0.0, 0.5)])

    async def serve(peer: MemoryPeer) -> None:
        await back.wait()
        await service(peer)

    return endpoint.session(serve, connect_timeout_s=3600.0, **settings), back, service


PUSHES = {"first": range(1), "between": range(0, 50_000, 5_000), "each": range(500)}


@pytest.mark.parametrize("pushed", PUSHES)
async def test_flushes_behind_the_same_audio_are_one(endpoint: Endpoint, pushed: str) -> None:
    session, back, service = await offline(endpoint, buffer_s=60.0, drain_timeout_s=60.0)
    events = asyncio.create_task(collect(session))
    frames = 0
    for number in range(50_000):
        if (
            number == 0
            or (pushed == "between" and number % 5_000 == 0)
            or (pushed == "each" and number < 500)
        ):
            session.push(counted(frames * 320, 320))
            frames += 1
        session.flush()
    assert ring_of(session).waiting <= 2 * frames
    back.set()
    await asyncio.sleep(60.0)
    asked = [text["type"] for text in service.heard[0].texts if text["type"] != "KeepAlive"]
    assert asked == ["ForceEndTurn" if endpoint.name == "flux" else "Finalize"] * frames
    await session.aclose()
    assert (await events)[-1].pushed_s == pytest.approx(frames * 0.02)


async def test_flushes_on_an_open_connection_leave_nothing_behind(endpoint: Endpoint) -> None:
    service = endpoint.service([(0.0, 0.5)])
    session = endpoint.session(service)
    await speak_into(session, 1.0)
    await asyncio.sleep(5.0)
    kept = session.buffered_bytes
    for _ in range(1_000):
        session.flush()
        await asyncio.sleep(0.001)
    assert session.buffered_bytes == kept
    assert ring_of(session).waiting == 0
    await session.aclose()


@pytest.mark.parametrize("size_s", [4.0, 4.5, 20.0])
@pytest.mark.parametrize("state", ["backlog", "offline", "stalled", "idle"])
async def test_of_a_push_beyond_the_bound_the_head_is_dropped(
    endpoint: Endpoint, state: str, size_s: float
) -> None:
    """A backlog is paced, the service away or not reading, or nothing is waiting at all."""
    service = endpoint.service((), {0: (0.5, stall)} if state == "stalled" else {})
    back = asyncio.Event()

    async def serve(peer: MemoryPeer) -> None:
        if state == "offline":
            await back.wait()
        await service(peer)

    session = endpoint.session(
        serve,
        buffer_s=4.0,
        replay_burst_s=0.5,
        window_bytes=8_000,
        progress_timeout_s=None,
        send_timeout_s=600.0,
        drain_timeout_s=60.0,
    )
    events = asyncio.create_task(collect(session))
    await speak_into(session, 1.0)
    before_s = 1.0
    if state == "backlog":
        session.push(counted(RATE, 3 * RATE))
        before_s += 3.0
    session.push(counted(round(before_s * RATE), round(size_s * RATE)))
    if state != "idle":  # then it goes at once
        assert session.stats().lost_bytes >= round((size_s - 4.0) * 2 * RATE)
    back.set()
    await asyncio.sleep(1.0)
    assert ring_of(session).queued_frames <= 4 * RATE
    await session.aclose()
    got = await events
    dropped = of(AudioDropped, got)
    assert [event.reason for event in dropped].count("buffer full") == (session.stats().lost_bytes > 0)
    assert got[-1].pushed_s == pytest.approx(before_s + size_s)
    if state != "stalled":
        arrived_s = len(service.counts()) / 1000
        assert got[-1].dropped_s == pytest.approx(before_s + size_s - arrived_s, abs=0.002)
        assert service.heard[-1].pieces[-1][1] == round((before_s + size_s) * RATE), "the tail is kept"
    else:
        assert not got[-1].complete


async def test_of_an_odd_push_beyond_the_bound_whole_frames_are_kept(endpoint: Endpoint) -> None:
    session, back, service = await offline(endpoint, buffer_s=1.0, drain_timeout_s=60.0)
    events = asyncio.create_task(collect(session))
    pcm = counted(0, 3 * RATE)
    session.push(pcm[:40_001])
    session.push(pcm[40_001:])
    back.set()
    await session.aclose()
    assert service.heard[0].pieces[0][0] == 2 * RATE
    assert service.heard[0].pieces[-1][1] == 3 * RATE
    assert (await events)[-1].dropped_s == 2.0


async def test_audio_does_not_overtake_a_flush_that_waits_for_the_socket(endpoint: Endpoint) -> None:
    async def serve(peer: MemoryPeer) -> None:
        peer.accept()
        await asyncio.sleep(60.0)

    session = endpoint.session(serve, window_bytes=600, drain_timeout_s=0.5)
    await session.connect()
    await asyncio.sleep(0.01)
    (peer,) = peers(session)
    session.push(counted(0, 320))  # more than the socket takes
    session.flush()
    await asyncio.sleep(0.01)
    frames = [await peer.receive()]  # now it takes more, and nobody has looked yet
    session.push(counted(320, 320))
    frames += [await peer.receive() for _ in range(2)]
    assert [type(frame) for frame in frames] == [bytes, str, bytes]
    await session.aclose()
