"""Random conversations: whatever is interrupted and broken, each request hears its own text and no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.fake_service import Fault, close, reset
from tests.session.fake_voice import BYTES_PER_CHARACTER, FakeAura, spoken
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import HandshakeRefused
from speechwire.session import BackoffPolicy, SpeakRequest, SpeakSession, SpeakSettings
from speechwire.transport import MemoryPeer, MemoryTransport


@dataclass
class Told:
    """One request of a story, and what was heard of it."""

    pieces: list[str]
    pause_s: float
    interrupt_after_s: float | None
    heard: bytes = b""
    heard_after_interruption: bytes = field(default=b"", init=False)


WORDS = st.text(alphabet="abcdefgh ", min_size=1, max_size=12).map(lambda text: f"{text}.a ")
REQUESTS = st.lists(
    st.builds(
        Told,
        pieces=st.lists(WORDS, max_size=4),
        pause_s=st.floats(0, 1.0),
        interrupt_after_s=st.none() | st.floats(0, 2.0),
    ),
    min_size=1,
    max_size=5,
)
FAULTS: dict[str, Fault] = {
    "reset": reset,
    "1011": close(1011, "NET-0000"),
    "1000": close(1000),
    "age": close(1011, "NET-0003"),
    "fast": close(1008, "DATA-0001"),
}
STORY = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([*FAULTS, "refuse", "deaf to Clear"])), max_size=4
)


@settings(max_examples=100, deadline=None)
@given(requests=REQUESTS, story=STORY, latency_s=st.floats(0.001, 0.4))
def test_each_request_hears_its_own_text(
    requests: list[Told], story: list[tuple[int, str]], latency_s: float
) -> None:
    for told in requests:
        told.heard = told.heard_after_interruption = b""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live_through(requests, story, latency_s))
    for told in requests:
        text = "".join(told.pieces)
        assert told.heard_after_interruption == b""
        if told.interrupt_after_s is None:
            assert told.heard == spoken(text)
        else:
            assert spoken(text).startswith(told.heard)
            assert len(told.heard) <= len(text) * BYTES_PER_CHARACTER


async def live_through(requests: list[Told], story: list[tuple[int, str]], latency_s: float) -> None:
    async def serve(peer: MemoryPeer) -> None:
        at, what = story[peer.number] if peer.number < len(story) else (0, "")
        if what == "refuse":
            peer.refuse(HandshakeRefused(503))
            return
        faults = {peer.number: (at, FAULTS[what])} if what in FAULTS else {}
        await FakeAura(faults, answers_clear=what != "deaf to Clear", latency_s=latency_s)(peer)

    patient = BackoffPolicy(max_quick_failures=20, max_attempts=20)
    transport = MemoryTransport(serve)
    speaking = SpeakSettings(backoff=patient, max_resends=10)
    before = asyncio.all_tasks()
    async with SpeakSession("k", transport=transport, settings=speaking) as session:
        for told in requests:
            await tell(session, told)
    await transport.aclose()
    assert asyncio.all_tasks() == before


async def tell(session: SpeakSession, told: Told) -> None:
    request = session.request()
    reading = asyncio.create_task(listen_to(request, told))
    interrupting = asyncio.create_task(interrupt(request, told))
    for piece in told.pieces:
        request.push(piece)
        await asyncio.sleep(told.pause_s)
        request.flush()
    request.end()
    await asyncio.wait_for(reading, 600)
    interrupting.cancel()
    await asyncio.gather(interrupting, return_exceptions=True)


async def listen_to(request: SpeakRequest, told: Told) -> None:
    async for pcm in request:
        if request.interrupted:
            told.heard_after_interruption += pcm
        told.heard += pcm


async def interrupt(request: SpeakRequest, told: Told) -> None:
    if told.interrupt_after_s is not None:
        await asyncio.sleep(told.interrupt_after_s)
        request.interrupt()
