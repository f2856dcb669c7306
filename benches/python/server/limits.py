"""How many calls one worker and two of them carry on this machine; writes ``limits.json``.

    python -m benches.python.server.limits --minutes 6 --out benches/report

More and more calls at real pace, until 99 % of the frames are no longer on the wire within 20 ms, or the
callers themselves are late, in three tries, or the time is up. One worker has a core to itself, the callers
and the service the other. Two workers share both cores with them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benches.python.audio.report import machine
from benches.python.server.callers import KINDS, Callers
from benches.python.server.contenders import CATALOG
from benches.python.server.processes import cpu_s, get, get_json, started
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import raise_descriptor_limit

__all__ = ["WITHIN_MS", "Step", "main", "rows"]

WITHIN_MS: Final = 20.0
_STEPS: Final = (50, 100, 150, 200, 300, 400, 500, 600, 800, 1000)
_WARM_UP_S: Final = 2.0
_STEP_MOST_S: Final = 60.0
_MOST_TRIES: Final = 3


@dataclass(frozen=True)
class Step:
    """One number of calls.

    Attributes:
        kind: Of the calls.
        workers: Processes of the server.
        calls: At once.
        p50_ms: From the caller's send to the arrival at the service, of half of the frames.
        p99_ms: Of 99 % of them.
        generator_late_ms: How late the callers were at their worst: what they add to it.
        cpu_ms: Of all the server's processes, for each second of one call.
        gone: Calls that ended meanwhile.
    """

    kind: str
    workers: int
    calls: int
    p50_ms: float
    p99_ms: float
    generator_late_ms: float
    cpu_ms: float
    gone: int

    @property
    def is_carried(self) -> bool:
        """Whether the frames were in time."""
        return not self.gone and self.p99_ms < WITHIN_MS


def rows(report: dict[str, Any]) -> list[list[str]]:
    """The most calls that were carried, and the first number that was not, by kind and workers."""
    climbs: dict[tuple[str, int], list[Step]] = {}
    for each in report["steps"]:
        climbs.setdefault((each["kind"], each["workers"]), []).append(Step(**each))
    return [_row(steps) for steps in climbs.values()]


def _row(steps: list[Step]) -> list[str]:
    carried = [each for each in steps if each.is_carried]
    last = steps[-1]
    beyond = "not tried" if last.is_carried else f"{last.calls:,}: {last.p99_ms:.0f} ms"
    head = [KINDS[last.kind].title, str(last.workers)]
    if not carried:
        return [*head, f"not {last.calls:,}", "-", "-", "-", beyond]
    best = carried[-1]
    late = f"{best.generator_late_ms:.0f} ms"
    return [*head, f"{best.calls:,}", f"{best.p99_ms:.1f} ms", late, f"{best.cpu_ms:.2f}", beyond]


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in children for each in family(int(child)))]


async def measure(kind: str, workers: int, calls: int, seconds: float, where: tuple[int, int, int]) -> Step:
    """One step, with the server's process, its port and the service's."""
    server, port, service = where
    callers = Callers(KINDS[kind], CATALOG["speechwire"].lines[kind], port)
    async with asyncio.timeout(_STEP_MOST_S):
        await callers.dial(calls)
        await callers.talk(_WARM_UP_S, joining=True)
        get(service, "/forget")
        callers.late_s, sent = 0.0, callers.sent
        before_s = sum(map(cpu_s, family(server)))
        await callers.talk(seconds)
        used_s = sum(map(cpu_s, family(server))) - before_s
    spread = get_json(service, "/lateness")["others"]
    return Step(
        kind=kind,
        workers=workers,
        calls=calls,
        p50_ms=spread["p50"],
        p99_ms=spread["p99"],
        generator_late_ms=round(1000 * callers.late_s, 1),
        cpu_ms=round(1000 * used_s / ((callers.sent - sent) * KINDS[kind].frame_ms / 1000), 2),
        gone=callers.gone,
    )


def step(kind: str, workers: int, calls: int, seconds: float) -> Step:
    """One step in processes of its own.

    Raises:
        TimeoutError: Not even the calls were on in time.
    """
    is_alone = workers == 1
    with ExitStack() as stack:
        os.sched_setaffinity(0, {1} if is_alone else {0, 1})
        service, line = stack.enter_context(
            started(["benches.python.server.service"], 1 if is_alone else None)
        )
        command = CATALOG["speechwire"].command(
            int(line), calls * workers
        )  # each may get more than its share
        command += ["--workers", str(workers)] if workers > 1 else []
        process, where = stack.enter_context(
            started(command, 0 if is_alone else None, DEEPGRAM_API_KEY="key-1")
        )
        port = int(where.split()[0].rstrip("/").rpartition(":")[2])
        found: list[Step] = []

        async def work() -> None:
            found.append(await measure(kind, workers, calls, seconds, (process.pid, port, int(line))))

        run(work(), uvloop=uvloop_installed())
    return found[0]


def climb(kind: str, workers: int, seconds: float, until_s: float, least: int = 0) -> list[Step]:
    """Steps of at least so many calls, up to the first that is not carried."""
    steps: list[Step] = []
    for calls in filter(lambda calls: calls >= least, _STEPS):
        if time.monotonic() > until_s:
            break
        tries = list(_tries(kind, workers, calls, seconds))
        if not tries:
            break
        steps.append(min(tries, key=lambda each: each.p99_ms))
        if not steps[-1].is_carried:
            break
    return steps


def _tries(kind: str, workers: int, calls: int, seconds: float) -> Iterator[Step]:
    """The same step until it is carried, three times at most: others' work on the machine delays some."""
    for _ in range(_MOST_TRIES):
        try:
            one = step(kind, workers, calls, seconds)
        except (TimeoutError, ConnectionError) as error:
            print(f"{kind}, {workers} workers, {calls} calls: {str(error) or 'not in time'}", flush=True)
            continue
        print(json.dumps(asdict(one)), flush=True)
        yield one
        if one.is_carried:
            return


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=6.0, help="for everything, about")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the window that is measured")
    parser.add_argument("--least", type=int, default=0, metavar="CALLS", help="the fewest")
    parser.add_argument("--out", type=Path, default=Path("benches/report"))
    arguments = parser.parse_args()
    raise_descriptor_limit()
    began_s = time.monotonic()
    plan = [(kind, workers) for workers in (1, 2) for kind in sorted(KINDS, reverse=True)]
    # A step that begins in time may last longer: it is part of the last share.
    share_s = (60 * arguments.minutes - _STEP_MOST_S / 2) / len(plan)
    steps: list[Step] = []
    for number, (kind, workers) in enumerate(plan):
        steps += climb(kind, workers, arguments.seconds, began_s + (number + 1) * share_s, arguments.least)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    report: dict[str, Any] = {
        "date": date,
        "machine": machine().partition(";")[0],
        "python": sys.version.split()[0],
    }
    report |= {"seconds": arguments.seconds, "steps": [asdict(each) for each in steps]}
    (arguments.out / "limits.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
