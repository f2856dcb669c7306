"""The emulator's fault list under 200 calls at once: nothing lost, nothing twice, nobody notices another."""

from __future__ import annotations

import asyncio
import itertools
import json

import aiohttp
from tests.server.callers import Twilio
from tests.server.content import ContentEngine, spoken
from tests.server.serving import Serving, dial, serving

from speechwire.emulator import (
    CloseWith,
    Decorate,
    Delay,
    Fault,
    HalfOpen,
    Inject,
    LateMessage,
    Lose,
    RefuseUpgrade,
    Reset,
    SlowReader,
    SlowUpgrade,
    Stall,
)

CALLS = 200
FRAME_S = 0.1
# Where a call's first connection is its index: what goes wrong with it. The rest of its connections are well.
KINDS: list[list[Fault]] = [
    [],
    [RefuseUpgrade(503)],
    [SlowUpgrade(1.0)],
    [Delay(0.1, 0.2)],
    [SlowReader(0.02)],
    [Stall(2.0)],
    [HalfOpen(2.5)],
    [Reset(1.0)],
    [Reset(3.1, hard=False)],
    [Reset(2.2, mid_frame=True)],
    [CloseWith(1011, "NET-0001", at_s=1.6)],
    [CloseWith(None, at_s=4.0)],
    [CloseWith(1012, at_s=0.3)],
    [Inject(1.0, "no JSON"), Inject(1.5, {"type": "Novelty"}), Inject(2.0, b"\x00binary")],
    [LateMessage({"type": "Novelty"})],
    [Lose("Connected")],
    [Decorate()],
]


def faults() -> list[Fault]:
    """Each kind on every so manyth of the first connections."""
    made: list[Fault] = []
    for index, kind in enumerate(KINDS):
        on = range(index, CALLS, len(KINDS))
        for fault in kind:
            values = {name: getattr(fault, name) for name in fault.__slots__} | {"connections": on}
            for base in type(fault).__mro__[1:-1]:
                values |= {
                    name: getattr(fault, name)
                    for name in getattr(base, "__slots__", ())
                    if name not in values
                }
            made.append(type(fault)(**values))
    return made


class CaptionedTwilio(Twilio):
    """Asks for captions."""

    path = "/call/twilio?captions=1"


def turns_of(call: int) -> list[list[int]]:
    """What this caller says: no two neighbours alike, no two callers alike."""
    numbers = itertools.cycle([1 + (call * 7 + step * 13) % 90 for step in range(45)])
    return [[next(numbers) for _ in range(count)] for count in (3, 5, 2, 6)]


async def hold(where: Serving, session: aiohttp.ClientSession, call: int) -> list[str]:
    """One call, in real time; returns the transcripts of its turns."""
    caller = CaptionedTwilio()
    caller.frame_ms = int(FRAME_S * 1000)
    loop = asyncio.get_running_loop()
    async with dial(where, caller, session) as dialled:
        audio = b"".join(spoken(turn) for turn in turns_of(call))
        began_s = loop.time()
        for index, frame in enumerate(caller.frames(audio)):
            await dialled.send(caller.audio(frame))
            await asyncio.sleep(max(0.0, began_s + (index + 1) * FRAME_S - loop.time()))
        await dialled.hang_up()
    return [caption["transcript"] for caption in caller.heard.captions if caption["type"] == "EndOfTurn"]


async def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    async with serving(engine=ContentEngine(), faults=faults(), keep_audio=False, max_calls=CALLS) as where:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            heard = await asyncio.gather(*(hold(where, session, call) for call in range(CALLS)))
        counters = where.server.counters
        notices = dict(counters.notices)
        assert counters.ended == {"hung_up": CALLS}
        assert "audio_dropped" not in notices
        assert notices["reconnecting"] >= CALLS // len(KINDS) * 5, notices
    wrong = {
        f"{call} ({KINDS[call % len(KINDS)]})": turns
        for call, turns in enumerate(heard)
        if turns != [" ".join(map(str, turn)) for turn in turns_of(call)]
    }
    assert not wrong, json.dumps(wrong, indent=1)
