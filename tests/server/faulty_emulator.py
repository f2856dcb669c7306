"""An emulator with every fault there is, in a process of its own: ``python -m tests.server.faulty_emulator``.

It prints where it is and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

from tests.server.content import ContentEngine

from speechwire.emulator import (
    CloseWith,
    Decorate,
    Delay,
    Emulator,
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

__all__ = ["CALLS", "KINDS", "faults"]

CALLS = 200
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


async def main() -> None:
    """Serve until standard input ends."""
    async with Emulator(ContentEngine(), faults=faults()) as emulator:
        print(emulator.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
