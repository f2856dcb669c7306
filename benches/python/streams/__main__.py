"""Everyone at every number of streams, in turns, each run a process of its own; writes ``streams.md``.

    python -m benches.python.streams --streams 50 200 500 1000 --seconds 10 --out benches/report

Whatever a client does, a run ends: it has a deadline, after which its process is killed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benches.python.streams.contenders.catalog import CATALOG, Contender
from benches.python.streams.matrix import Matrix, Options, Outcome
from benches.python.streams.report import draw_again, write, write_numbers

ROOT = Path(__file__).resolve().parents[3]


def chosen(names: list[str] | None, clients_python: Path) -> Iterator[Contender]:
    """Who takes part: all, or those named; without the other environment, ours only."""
    has_clients = clients_python.exists()
    for contender in CATALOG.values():
        if contender.clients and not has_clients:
            print(f"{contender.title} left out: no {clients_python}, see `make test-clients`")
        elif not names or contender.name in names:
            yield contender


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.python.streams",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200, 500, 1000])
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window that is measured")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each; the medians are reported")
    parser.add_argument(
        "--contenders", nargs="+", choices=sorted(CATALOG), metavar="NAME", help="default: all"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benches" / "report", help="directory of the report"
    )
    parser.add_argument("--stem", default="streams", help="of the report's file names")
    parser.add_argument("--clients-python", type=Path, default=ROOT / ".venv-clients" / "bin" / "python")
    parser.add_argument("--tls", action="store_true", help="wss with a local certificate")
    parser.add_argument("--uvloop", action="store_true", help="run the clients on uvloop")
    parser.add_argument("--pin-core", action="store_true", help="clients on core 0, server on core 1")
    parser.add_argument("--awake", action="store_true", help="let no core fall asleep")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: write the report from its numbers"
    )
    arguments = parser.parse_args()
    if arguments.again:
        print(draw_again(arguments.out, arguments.stem))
        return
    options = Options(
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        tls=arguments.tls,
        uvloop=arguments.uvloop,
        pin_core=arguments.pin_core,
        awake=arguments.awake,
        clients_python=arguments.clients_python,
    )
    matrix = Matrix(list(chosen(arguments.contenders, arguments.clients_python)), options, ROOT)
    outcomes: list[Outcome] = []
    for outcome in matrix.run(sorted(arguments.streams)):
        outcomes.append(outcome)
        write_numbers(outcomes, arguments.out, arguments.stem)  # whatever becomes of the rest
    print(write(outcomes, options, arguments.out, arguments.stem))


if __name__ == "__main__":
    main()
