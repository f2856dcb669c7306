"""What a session says of audio that has no result when it fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.session.driving import (
    Endpoint,
    Listening,
    of,
    speak_into,
)
from tests.session.scripted_peer import Line, Scripted, Word, results, turn

from speechwire.errors import HandshakeRefused, SessionClosed, SpeechwireError
from speechwire.session import AudioDropped, OutageBegan, SessionEnded
from speechwire.transport import MemoryPeer

WORD: Word = ("word", 0.4, 0.8)


REFUSED = HandshakeRefused(401, "no", dg_error="Invalid credentials.")


async def refused_at(session: Listening, seconds: float) -> list[Any]:
    """Push until the session has failed; every event but the error."""
    events: list[Any] = []

    async def read() -> None:
        async for event in session:
            events.append(event)

    reading = asyncio.create_task(read())
    with pytest.raises(SessionClosed):
        await speak_into(session, seconds)
    with pytest.raises(SpeechwireError) as raised:
        await reading
    assert raised.value is session.error
    await session.aclose()
    return events


@pytest.mark.parametrize("status", [400, 401, 402, 403])
@pytest.mark.parametrize("after_s", [0.5, 9.0])
async def test_audio_before_a_refusal_is_counted(endpoint: Endpoint, status: int, after_s: float) -> None:
    async def refuse(peer: MemoryPeer) -> None:
        await asyncio.sleep(after_s)
        peer.refuse(HandshakeRefused(status))

    session = endpoint.session(refuse)
    events = await refused_at(session, 20.0)
    pushed_s = events[-1].pushed_s
    assert pushed_s == pytest.approx(after_s, abs=0.05)
    assert events == [
        AudioDropped(seconds=pushed_s, reason="failed"),
        SessionEnded(complete=False, pushed_s=pushed_s, dropped_s=pushed_s, replayed_s=0.0),
    ]
    assert session.stats().lost_bytes == round(pushed_s * 32000)


@pytest.mark.parametrize("end", ["refused at the reconnect", "1008", "an error in mid-stream"])
async def test_only_what_no_result_covers_is_counted(endpoint: Endpoint, end: str) -> None:
    async def talk(line: Line) -> None:
        await line.hear(2.0)
        if endpoint.name == "flux":
            line.say(**turn("StartOfTurn", 1.0, WORD))
            line.say(**turn("EndOfTurn", 1.5, WORD, trigger="model"))
        else:
            line.say(**results(1.5, WORD, is_final=True, speech_final=True))
        await line.hear(4.0)
        if end == "an error in mid-stream" and endpoint.name == "flux":
            line.say(type="Error", code="UNPARSABLE_CLIENT_MESSAGE", description="What?")
            await asyncio.sleep(0.01)
            line.peer.close(1005)
        elif end == "refused at the reconnect":
            line.peer.reset()
        else:
            line.peer.close(1008, "DATA-0000")

    async def serve(peer: MemoryPeer) -> None:
        if peer.number:
            peer.refuse(REFUSED)
        else:
            await service(peer)

    service = Scripted(talk)
    session = endpoint.session(serve)
    events = await refused_at(session, 9.0)
    ended = events[-1]
    assert of(AudioDropped, events) == [AudioDropped(seconds=ended.dropped_s, reason="failed")]
    assert ended.dropped_s == pytest.approx(ended.pushed_s - 1.5)
    assert not ended.complete


async def test_a_refusal_while_draining_is_counted_and_raised(endpoint: Endpoint) -> None:
    async def serve(peer: MemoryPeer) -> None:
        if peer.number:
            peer.refuse(REFUSED)
            return
        async for frame in peer:
            if isinstance(frame, str) and json.loads(frame)["type"] == "CloseStream":
                peer.reset()

    session = endpoint.session(serve, progress_timeout_s=None)
    await speak_into(session, 3.0)
    await session.aclose()
    events: list[Any] = []
    with pytest.raises(HandshakeRefused):
        async for event in session:
            events.append(event)
    assert events[-2:] == [
        AudioDropped(seconds=3.0, reason="failed"),
        SessionEnded(complete=False, pushed_s=3.0, dropped_s=3.0, replayed_s=0.0),
    ]
    assert not of(OutageBegan, events)
