"""A drill: the connection breaks in many ways, and no word may be missing.

``python -m examples.cookbook.reconnect_drill`` needs neither a key nor a network.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from speechwire.emulator import CloseWith, Emulator, Fault, HalfOpen, KnownWords, RefuseUpgrade, Reset, Stall
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session, Reconnecting, SessionEnded

TEXT = "One two three four five six seven eight nine ten."
FIRST = {0}  # the connection that breaks; those after it are well
DRILLS: dict[str, list[Fault]] = {
    "TCP reset": [Reset(at_s=1.5, connections=FIRST)],
    "closed with 1011": [CloseWith(1011, "NET-0000", at_s=1.5, connections=FIRST)],
    "the service falls silent": [Stall(at_s=1.5, connections=FIRST)],
    "the peer is dead, TCP is up": [HalfOpen(at_s=1.5, connections=FIRST)],
    "503 for two attempts": [RefuseUpgrade(503, connections={0, 1})],
    "reset, then 429": [Reset(at_s=1.5, connections=FIRST), RefuseUpgrade(429, connections={1})],
}


async def drill(name: str, faults: list[Fault]) -> bool:
    """Hold one call in which the faults strike; return whether every word came once."""
    words = KnownWords()
    pcm = words.say(TEXT) + bytes(32_000)
    heard, attempts, complete = "", 0, False
    async with (
        Emulator(words, faults=faults) as emulator,
        ListenV2Session("any", base_url=emulator.base_url) as session,
    ):
        for at in range(0, len(pcm), 640):  # 20 ms of 16 kHz mono
            session.push(pcm[at : at + 640])
            await asyncio.sleep(0.02)
        await session.aclose()
        async for event in session:
            if isinstance(event, TurnInfo) and event.event == "EndOfTurn":
                heard += event.transcript
            attempts += isinstance(event, Reconnecting)
            complete = isinstance(event, SessionEnded) and event.complete
    well = complete and heard == TEXT
    print(f"{'ok  ' if well else 'LOST'} {name}: connected again after {attempts} attempts, heard: {heard}")
    return well


async def main() -> bool:
    """Run all drills at once."""
    logging.getLogger("speechwire").setLevel(logging.ERROR)  # it warns of every reconnect
    return all(await asyncio.gather(*(drill(name, faults) for name, faults in DRILLS.items())))


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main()) else 1)
