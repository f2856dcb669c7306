"""What a stream holds, in bytes, by who allocated it: when connected and idle, and after a while of audio.

    python -m benches.python.soak.memory --kind ListenV2Session --streams 50 --seconds 60
    python -m benches.python.soak.memory --kind ListenV2Session --streams 50 --seconds 60 --trace

Without ``--trace`` it measures the process's private memory, which is what a server pays; with it, what
Python allocated and where, which costs time and memory itself. Kernel buffers of sockets are in neither.
"""

from __future__ import annotations

import argparse
import asyncio
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any, Final

from benches.python.soak.ledger import CallAccount, Ledger
from benches.python.soak.lines import KEY, LISTENING, Line
from benches.python.soak.service import Service
from benches.python.soak.ticker import Ticker
from benches.python.soak.units import FRAMES_PER_UNIT, frame
from benches.python.soak.watch import collect, private_kib

from speechwire.session import SessionPool

_NEVER_S: Final = 1e9
_DEPTH: Final = 12
_OWNERS: Final = ("speechwire/", "videosdk/", "aiohttp/", "asyncio/", "benches/")


class Talker:
    """Speaks into one line for ever; ``begin`` makes it start."""

    def __init__(self, line: Line, first: int) -> None:
        self.line = line
        self._ticks = first * FRAMES_PER_UNIT
        self._frame = b""

    async def tick(self) -> None:
        if self._ticks % FRAMES_PER_UNIT == 0 or not self._frame:
            self._frame = frame(self._ticks // FRAMES_PER_UNIT)
        self._ticks += 1
        await self.line.push(self._frame)


async def measure(kind: str, streams: int, seconds: float, *, trace: bool) -> None:
    async with Service(streams, _NEVER_S, 1) as service, SessionPool(KEY, base_url=service.base_url) as pool:
        await (await _talker(kind, pool, service.base_url, 0)).line.hang_up()
        before = _look(trace)
        talkers = [await _talker(kind, pool, service.base_url, index) for index in range(streams)]
        await asyncio.sleep(1.0)
        _tell(f"{kind}, {streams} streams, connected", before, _look(trace), streams)
        ticking = asyncio.create_task(_talk(talkers))
        await asyncio.sleep(seconds)
        _tell(f"{kind}, {streams} streams, after {seconds:g} s of audio", before, _look(trace), streams)
        kept = pool.snapshot().buffered_bytes
        print(f"    audio kept for a replay, by the pool's count: {kept / streams / 1024:.1f} KiB a stream")
        ticking.cancel()
        await asyncio.gather(*(talker.line.hang_up() for talker in talkers))


async def _talker(kind: str, pool: SessionPool, base_url: str, index: int) -> Talker:
    """One stream, connected by its first frame."""
    talker = Talker(LISTENING[kind](pool, base_url, CallAccount(Ledger(), kind, index)), index)
    await talker.tick()
    await asyncio.sleep(0.05)
    return talker


async def _talk(talkers: list[Talker]) -> None:
    ticker = Ticker()
    for talker in talkers:
        ticker.add(talker.tick)
    await ticker.run()


def _look(trace: bool) -> Any:
    collect()
    return tracemalloc.take_snapshot() if trace else private_kib()


def _tell(title: str, before: Any, now: Any, streams: int) -> None:
    if isinstance(now, int):
        print(f"{title}: {(now - before) / streams:.1f} KiB of private memory a stream")
        return
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for difference in now.compare_to(before, "traceback"):
        line = _owner(difference.traceback)
        lines[line] += difference.size_diff
        files[line.partition(":")[0]] += difference.size_diff
    print(f"{title}: {lines.total() / streams / 1024:.1f} KiB a stream allocated by Python, in bytes by")
    for name, size in [*files.most_common(16), ("", 0), *lines.most_common(16)]:
        print(f"    {size / streams:9.0f}  {name}" if name else "")


def _owner(traceback: tracemalloc.Traceback) -> str:
    """The innermost line of a package that is told apart, by the package and what follows."""
    for line in reversed(traceback):
        path = Path(line.filename).as_posix()
        for owner in _OWNERS:
            if f"/{owner}" in path:
                return f"{owner}{path.rpartition('/' + owner)[2]}:{line.lineno}"
    return "others"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=LISTENING, default="ListenV2Session")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--trace", action="store_true", help="by who allocated it")
    given = parser.parse_args()
    if given.trace:
        tracemalloc.start(_DEPTH)
    asyncio.run(measure(given.kind, given.streams, given.seconds, trace=given.trace))


if __name__ == "__main__":
    main()
