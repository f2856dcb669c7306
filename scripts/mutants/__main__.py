"""The command: choose changes, try them, list what no test noticed."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue

from scripts.mutants.allowed import Allowed
from scripts.mutants.operators import Mutant, mutants_of
from scripts.mutants.parts import PARTS, Part
from scripts.mutants.running import Copy, Outcome, Reach, reach_of

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
_FIRST_BOUND_S = 900.0
_LEAST_BOUND_S = 30.0

_NOTICED, _BOUND, _MISSED, _ALLOWED = "noticed", "by a bound", "not noticed", "without effect"


@dataclass
class Report:
    """What became of the mutants that one seed chose in one part."""

    part: str
    seed: str
    counts: Counter[str] = field(default_factory=Counter)
    missed: list[Mutant] = field(default_factory=list)
    ended: list[Mutant] = field(default_factory=list)

    def row(self) -> str:
        """A row of the table."""
        tried = self.counts.total() - self.counts[_ALLOWED]
        noticed = self.counts[_NOTICED] + self.counts[_BOUND]
        share = f"{100 * noticed / tried:.0f} %" if tried else ""
        numbers = [self.counts[name] for name in (_NOTICED, _BOUND, _MISSED, _ALLOWED)]
        return f"| {' | '.join(map(str, [self.part, self.seed, self.counts.total(), *numbers, share]))} |"


def main(arguments: Sequence[str] | None = None, tree: Path = ROOT, parts: Mapping[str, Part] = PARTS) -> int:
    """Try mutants of a tree.

    Returns:
        0 if every one was noticed, 1 if not, 2 with one line on standard error if they could not be tried.
    """
    options = _options(arguments, parts)
    try:
        allowed = Allowed.read(options.allowed or tree / "scripts" / "mutants" / "without_effect.toml")
        every = {name: _every(part, tree) for name, part in parts.items()}
        if stale := allowed.stale(mutant for mutants in every.values() for mutant in mutants):
            raise ValueError(f"without effect, and in no line of the code: {stale[0]}")
        reports: list[Report] = []
        for name in options.part or parts:
            chosen = {
                seed: _chosen(every[name], options.count, f"{seed} {name}", tree)
                for seed in options.seed or ["1"]
            }
            reports += _try_part(name, parts[name], chosen, allowed, tree, options)
    except (ValueError, RuntimeError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    print(_summary(reports))
    return int(any(report.missed for report in reports))


def _options(arguments: Sequence[str] | None, parts: Mapping[str, Part]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.mutants", description=sys.modules[__package__].__doc__
    )
    parser.add_argument(
        "--part", action="append", choices=list(parts), help="repeatable; default: every part"
    )
    parser.add_argument("--seed", action="append", help="repeatable; chooses the lines (default: 1)")
    parser.add_argument(
        "--count", type=int, default=10, help="changes for each part and seed (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="at once, each in a copy (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="how long the tests of one change may take together (default: %(default)g)",
    )
    parser.add_argument("--allowed", type=Path, help="TOML file of changes without effect")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.jobs < 1 or not options.seconds > 0:
        parser.error("--count and --jobs must be 1 or more, --seconds more than 0")
    return options


def _every(part: Part, tree: Path) -> list[Mutant]:
    mutants = [mutant for path in part.files(tree) for mutant in mutants_of(path, tree)]
    if not mutants:
        raise ValueError(f"there is nothing to change in {', '.join(part.sources)}")
    return mutants


def _chosen(mutants: Sequence[Mutant], count: int, seed: str, tree: Path) -> list[Mutant]:
    """Lines at random and of each one change, so that a long line counts no more than a short one."""
    dice = random.Random(seed)
    lines: dict[tuple[str, int], list[Mutant]] = {}
    for mutant in mutants:
        lines.setdefault((mutant.file, mutant.number), []).append(mutant)
    chosen: list[Mutant] = []
    for file, number in dice.sample(list(lines), len(lines)):
        source = (tree / file).read_text(encoding="utf-8")
        of_line = lines[file, number]
        usable = (one for one in dice.sample(of_line, len(of_line)) if one.applied_to(source))
        chosen += [mutant for mutant in [next(usable, None)] if mutant]
        if len(chosen) == count:
            break
    return chosen


def _try_part(
    name: str,
    part: Part,
    chosen: Mapping[str, Sequence[Mutant]],
    allowed: Allowed,
    tree: Path,
    options: argparse.Namespace,
) -> list[Report]:
    reports = [Report(name, seed) for seed in chosen]
    tried = {mutant: None for mutants in chosen.values() for mutant in mutants if mutant not in allowed}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        first = Copy(tree, Path(folder) / "0")
        files = [path.relative_to(tree).as_posix() for path in part.files(tree)]
        reach = reach_of(first, files, part.tests, _FIRST_BOUND_S)
        changes = sum(map(len, chosen.values()))
        print(f"{name}: {changes} changes; its tests take {reach.seconds:.0f} s", flush=True)
        others = [Copy(tree, Path(folder) / str(number)) for number in range(1, options.jobs)]
        for mutant, attempt in _attempts(list(tried), reach, options.seconds, [first, *others]):
            _note([report for report in reports if mutant in chosen[report.seed]], mutant, attempt)
    for report in reports:
        report.counts[_ALLOWED] = sum(mutant in allowed for mutant in chosen[report.seed])
    return reports


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one mutant.

    Args:
        outcome: None if no test reaches it.
        ran: How many tests were run.
        reaching: How many reach it.
    """

    outcome: Outcome | None
    ran: int
    reaching: int


def _attempts(
    mutants: Sequence[Mutant], reach: Reach, limit_s: float, copies: Sequence[Copy]
) -> Iterator[tuple[Mutant, Attempt]]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def attempt(mutant: Mutant) -> Attempt:
        reaching = reach.tests_of(mutant.file, mutant.number, mutant.number + mutant.lines - 1)
        tests = _within(reaching, reach, limit_s)
        if not tests:
            return Attempt(None, 0, 0)
        copy = free.get()
        try:
            bound_s = _LEAST_BOUND_S + 4 * reach.seconds_of(tests)
            return Attempt(copy.run_with(mutant, tests, bound_s), len(tests), len(reaching))
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as threads:
        yield from zip(mutants, threads.map(attempt, mutants), strict=True)


def _within(tests: Sequence[str], reach: Reach, limit_s: float) -> list[str]:
    """The first tests that take this long together, and one at least."""
    ends = accumulate(reach.seconds_of([test]) for test in tests)
    return [
        test
        for place, (test, end_s) in enumerate(zip(tests, ends, strict=True))
        if not place or end_s < limit_s
    ]


def _note(reports: Sequence[Report], mutant: Mutant, attempt: Attempt) -> None:
    kind = _MISSED
    if attempt.outcome and not attempt.outcome.passed:
        kind = _NOTICED if attempt.outcome.in_time else _BOUND
    if kind is not _NOTICED:
        print(f"{kind}: {mutant}", flush=True)
    if kind is _MISSED and not attempt.ran:
        print("    No test reaches it.", flush=True)
    elif kind is _MISSED and attempt.ran < attempt.reaching:
        print(f"    Ran {attempt.ran} of the {attempt.reaching} tests that reach it.", flush=True)
    for report in reports:
        report.counts[kind] += 1
        if kind is not _NOTICED:
            (report.missed if kind is _MISSED else report.ended).append(mutant)


def _summary(reports: Sequence[Report]) -> str:
    head = ("part", "seed", "changes", _NOTICED, _BOUND, _MISSED, _ALLOWED, "of those with effect")
    rows = [report.row() for report in reports]
    return "\n".join((f"\n| {' | '.join(head)} |", "|" + "---|" * len(head), *rows))


if __name__ == "__main__":
    sys.exit(main())
