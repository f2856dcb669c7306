"""Live streams for half an hour, every second one connection fewer, and nothing may be lost.

    python -m benches.python.soak --streams 200 --minutes 30 --kill-every-s 1 --out benches/report/soak.md

All streams live in this process: sessions of the core, the plugins, some that speak, and calls of a server
that lose the caller's connection as well, twice a minute; the service is another. Ctrl-C ends it early, with
the report of what was. The exit code is 1 if anything was lost, doubled or left behind, or if memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from benches.python.soak.run import Outcome, Plan, soak


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=200, help="live at once")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kill-every-s", type=float, default=1.0, help="how often a connection ends")
    parser.add_argument("--call-s", type=float, default=180.0, help="mean length of a call")
    parser.add_argument("--warm-up-s", type=float, default=180.0, help="memory is judged from here on")
    parser.add_argument("--slope-kib", type=float, default=100.0, help="growth allowed a minute, in KiB")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benches/report/soak.md"))
    return parser.parse_args()


async def interruptible(plan: Plan) -> Outcome:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await soak(plan, stop)


def main() -> None:
    given = arguments()
    logging.getLogger("speechwire").setLevel(logging.ERROR)  # an outage a second is what this is about
    plan = Plan(
        streams=given.streams,
        seconds=given.minutes * 60,
        kill_every_s=given.kill_every_s,
        call_s=given.call_s,
        warm_up_s=given.warm_up_s,
        seed=given.seed,
    )
    outcome = asyncio.run(interruptible(plan))
    # Only now: what draws pictures would be a good part of the memory watched.
    from benches.python.soak import report  # noqa: PLC0415

    report.write(outcome, given.out, given.slope_kib)
    found = report.failures(outcome, given.slope_kib)
    print(given.out.read_text(encoding="utf-8"))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
