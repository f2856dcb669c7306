"""Compressed audio: its bytes tell no time, so the clock tells when a connection began."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.session.driving import KEY, collect, finals, words_of
from tests.session.scripted_peer import results

from speechwire.protocol import ListenV1Options
from speechwire.session import ListenV1Session
from speechwire.transport import MemoryPeer, MemoryTransport


async def test_times_of_a_later_connection_count_from_the_first_one() -> None:
    opened: list[float] = []

    async def serve(peer: MemoryPeer) -> None:
        opened.append(asyncio.get_running_loop().time())
        async for frame in peer:
            if isinstance(frame, bytes):
                peer.send(json.dumps(results(1.0, ("word", 0.4, 0.8), is_final=True, speech_final=True)))
            elif json.loads(frame)["type"] == "CloseStream":
                peer.close(1000)

    transport = MemoryTransport(serve)
    session = ListenV1Session(KEY, ListenV1Options(encoding="opus", sample_rate=48_000), transport=transport)
    events = asyncio.create_task(collect(session))
    await asyncio.sleep(3)
    session.push(b"a packet")
    await asyncio.sleep(5)
    transport.peers[0].reset()
    await asyncio.sleep(1)
    session.push(b"another packet")
    await asyncio.sleep(5)
    await session.aclose()
    starts = [words_of(final)[0].start for final in finals(await events)]
    first, second = opened
    assert starts == pytest.approx([0.4, 0.4 + second - first])
