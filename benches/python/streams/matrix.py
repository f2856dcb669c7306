"""Runs in turns: at each number of streams everyone, and then everyone again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benches.python.streams.contenders.catalog import Contender
from benches.python.streams.result import Result

__all__ = ["BUSY", "Matrix", "Options", "Outcome"]

BUSY = 0.1
"""A client that waits for a core for more of the time than this is late through no fault of its own."""

# Beside the window: imports, pacing, connecting, warming up. A run limits itself sooner.
_DEADLINE_S = 270.0


@dataclass(frozen=True)
class Options:
    """How runs are made.

    Attributes:
        seconds: Of the window.
        rounds: Runs of each contender at each number of streams.
        tls: Over TLS.
        uvloop: The client's loop.
        pin_core: Client and server on a core of their own.
        awake: No core falls asleep.
        clients_python: Interpreter of the environment in which other people's clients live.
    """

    seconds: float
    rounds: int
    tls: bool
    uvloop: bool
    pin_core: bool
    awake: bool
    clients_python: Path

    def flags(self) -> list[str]:
        """For a run's command line."""
        named = {
            "--tls": self.tls,
            "--uvloop": self.uvloop,
            "--pin-core": self.pin_core,
            "--awake": self.awake,
        }
        return [flag for flag, is_on in named.items() if is_on]


@dataclass(frozen=True)
class Outcome:
    """What became of one contender at one number of streams.

    Attributes:
        contender: Who.
        streams: How many.
        results: Of the rounds that gave one.
        failure: Why there is none, or fewer.
    """

    contender: Contender
    streams: int
    results: tuple[Result, ...]
    failure: str = ""

    @property
    def behind_s(self) -> float:
        """How far behind real time, at worst; 0 if it kept pace."""
        return max((result.behind_s for result in self.results), default=0.0)


class Matrix:
    """All runs.

    Args:
        contenders: Who takes part.
        options: How.
        root: Of the source tree, from which the runs are started.
    """

    def __init__(self, contenders: list[Contender], options: Options, root: Path) -> None:
        self._contenders = contenders
        self._options = options
        self._root = root
        self._saturated: dict[str, int] = {}

    def run(self, counts: list[int]) -> Iterator[Outcome]:
        """One outcome per contender and count. Blocks for about half a minute per run."""
        for streams in counts:
            results: dict[str, list[Result]] = {contender.name: [] for contender in self._contenders}
            failures: dict[str, str] = {}
            for turn in range(self._options.rounds):
                for contender in self._contenders:
                    self._once(contender, streams, turn, results[contender.name], failures)
            for contender in self._contenders:
                outcome = Outcome(
                    contender, streams, tuple(results[contender.name]), failures.get(contender.name, "")
                )
                if outcome.behind_s:
                    self._saturated.setdefault(contender.name, streams)
                yield outcome

    def _once(
        self, contender: Contender, streams: int, turn: int, results: list[Result], failures: dict[str, str]
    ) -> None:
        if contender.name in self._saturated:
            failures[contender.name] = f"cannot keep pace with {self._saturated[contender.name]}"
            return
        began_s = time.monotonic()
        try:
            results.append(self._result(contender, streams))
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failures[contender.name] = str(error)
        words = failures.get(contender.name) or _summary(results[-1])
        spent_s = time.monotonic() - began_s
        print(
            f"{streams:5} streams, round {turn + 1}: {contender.title:32} {words} ({spent_s:.0f} s)",
            flush=True,
        )

    def _result(self, contender: Contender, streams: int) -> Result:
        python = str(self._options.clients_python) if contender.clients else sys.executable
        command = [python, "-m", "benches.python.streams.run", "--contender", contender.name, "--json"]
        command += ["--streams", str(streams), "--seconds", str(self._options.seconds)]
        command += ["--server-python", sys.executable, *self._options.flags()]
        done = subprocess.run(
            command,
            cwd=self._root,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S + self._options.seconds,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise RuntimeError(_reason(done.stderr))
        return Result.read(json.loads(lines[-1]))


def _reason(complaints: str) -> str:
    """The last exception's line, or the last line."""
    lines = complaints.strip().splitlines() or ["no result"]
    raised = [
        line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt|Closed|Invalid\w*)\b", line)
    ]
    return (raised or lines)[-1]


def _summary(result: Result) -> str:
    late = f", p99 {result.lateness.p99:.1f} ms late" if result.lateness else ""
    wrong = f", WRONG: {'; '.join(result.faults)}" if result.faults and not result.behind_s else ""
    behind = f", {result.behind_s:.1f} s behind" if result.behind_s else ""
    starved = f", starved {result.starved[0]:.0%}" if result.starved[0] >= BUSY else ""
    return f"{result.cpu_ms:.2f} ms{late}{behind}{starved}{wrong}"
