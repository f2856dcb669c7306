"""The server under load, beside servers as others write them; writes ``server.md`` and ``server.json``.

    python -m benches.python.server --calls 50 100 200 1000 --seconds 10 --out benches/report

Everyone takes turns at each number of calls, each run in processes of its own that are ended after two
minutes at the latest. Who cannot keep pace with a number is not tried with more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benches.python.server import report
from benches.python.server.callers import KINDS
from benches.python.server.contenders import CATALOG, Contender
from benches.python.server.result import Result

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parents[3]
_DEADLINE_S: Final = 150.0


def once(contender: Contender, kind: str, calls: int, arguments: argparse.Namespace) -> Result:
    """Run one.

    Raises:
        RuntimeError: It gave no result.
    """
    python = sys.executable if contender.ours else str(arguments.clients_python)
    command = [sys.executable, "-m", "benches.python.server.run", "--contender", contender.name]
    command += ["--kind", kind, "--calls", str(calls), "--seconds", str(arguments.seconds)]
    command += ["--server-python", python, *(["--awake"] if arguments.awake else [])]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)])},
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S + arguments.seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError("no result in time") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no result"])[-1])
    return Result.read(json.loads(lines[-1]))


def matrix(
    contenders: list[Contender], arguments: argparse.Namespace, failures: list[str]
) -> Iterator[Result]:
    """All runs."""
    late: set[tuple[str, str]] = set()
    for calls in sorted(arguments.calls):
        for kind in arguments.kinds:
            for contender in contenders:
                if calls > contender.most or (contender.name, kind) in late:
                    continue
                words = f"{contender.title}, {calls} calls, {KINDS[kind].title}"
                try:
                    result = once(contender, kind, calls, arguments)
                except RuntimeError as error:
                    failures.append(f"{words}: {error}.")
                    late.add((contender.name, kind))
                    print(failures[-1], flush=True)
                    continue
                if not result.keeps_pace:
                    late.add((contender.name, kind))
                print(f"{words}: {_summary(result)}", flush=True)
                yield result


def _summary(result: Result) -> str:
    late = f"p99 {result.wire_ms['p99']:.1f} ms" if result.wire_ms.get("count") else "nothing on the wire"
    wrong = f", WRONG: {'; '.join(result.faults)}" if result.faults else ""
    return f"{result.cpu_ms:.2f} ms, {late}, without a core {result.starved:.0%}{wrong}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.python.server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[50, 100, 200, 1000])
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=sorted(KINDS, reverse=True))
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window that is measured")
    parser.add_argument("--contenders", nargs="+", choices=sorted(CATALOG), default=list(CATALOG))
    parser.add_argument("--clients-python", type=Path, default=ROOT / ".venv-clients" / "bin" / "python")
    parser.add_argument("--out", type=Path, default=ROOT / "benches" / "report")
    parser.add_argument("--stem", default="server", help="of the report's file names")
    parser.add_argument("--awake", action="store_true", help="let no core fall asleep")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: write the report from its numbers"
    )
    arguments = parser.parse_args()
    if arguments.again:
        print(report.draw_again(arguments.out, arguments.stem))
        return
    failures: list[str] = []
    contenders = [CATALOG[name] for name in arguments.contenders]
    if not arguments.clients_python.exists():
        contenders = [contender for contender in contenders if contender.ours]
        failures.append(f"Others are left out: no {arguments.clients_python.name}, see `make test-clients`.")
    results: list[Result] = []
    for result in matrix(contenders, arguments, failures):
        results.append(result)
        report.write(results, failures, arguments)  # whatever becomes of the rest
    print(report.write(results, failures, arguments))


if __name__ == "__main__":
    main()
