"""Play the storms and draw them.

python -m benches.python.storm --out docs/images/storm.svg

In virtual time: minutes of 100 workers take as long as their work does.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from pathlib import Path

from benches.python.storm.plots import draw
from benches.python.storm.run import SCENARIOS, Outcome, play
from tests.virtual_time import VirtualTimeLoop

__all__ = ["main", "row"]

_SETTLED_S = 45.0


def row(outcome: Outcome) -> str:
    """A row of the table in ``docs/scaling.md``."""
    scenario, limit = outcome.scenario, outcome.limit
    handshakes, refused = outcome.busiest(_SETTLED_S, scenario.seconds)
    over = f"{outcome.overshoot} ({100 * outcome.overshoot / limit:.1f} %), {outcome.overshoot_s:.1f} s"
    phases = (
        (_SETTLED_S, scenario.from_s),
        (scenario.from_s, scenario.to_s),
        (scenario.to_s, scenario.seconds),
    )
    under = " | ".join(_lack(outcome, *phase) for phase in phases)
    return f"| {scenario.title} | {over} | {under} | {handshakes} | {refused} |"


def _lack(outcome: Outcome, from_s: float, to_s: float) -> str:
    missing, missing_s = outcome.undershoot(from_s, to_s)
    return f"{missing} ({100 * missing / outcome.limit:.0f} %), {missing_s:.0f} of {to_s - from_s:.0f} s"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--limit", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("docs/images/storm.svg"))
    arguments = parser.parse_args()
    logging.getLogger("speechwire").setLevel(logging.ERROR)
    outcomes = []
    for scenario in SCENARIOS.values():
        random.seed(1)
        began_s = time.monotonic()
        loop = VirtualTimeLoop()
        outcome = loop.run_until_complete(play(scenario, workers=arguments.workers, limit=arguments.limit))
        loop.close()
        outcomes.append(outcome)
        print(row(outcome), f"<!-- {time.monotonic() - began_s:.0f} s -->", flush=True)
    draw(outcomes, arguments.out)


if __name__ == "__main__":
    main()
