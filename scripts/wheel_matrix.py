"""Install what was built into clean environments, and run the test suite against what was installed.

    python scripts/wheel_matrix.py            # every Python found; native, numpy, pure; the whole suite
    python scripts/wheel_matrix.py --quick    # the whole suite on the first Python only
    python scripts/wheel_matrix.py --python 3.12 --artefact pure
    python scripts/wheel_matrix.py --scope core    # what runs where the framework cannot be installed

The tests come out of the sdist, and run in a folder that holds neither ``python/`` nor ``rust/``: what is
imported can only be what was installed, and the sdist is shown to hold what its tests need. Prints a line as
each combination ends, and a table of counts.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
STEM = f"videosdk_plugins_deepgram-{VERSION}"
PYTHONS = ("3.11", "3.12", "3.13")
# Left out: what reads the source tree, which is not there, and what has an environment of its own.
FULL = (
    "tests",
    "--ignore=tests/meta/test_imports.py",
    "--ignore=tests/meta/test_project.py",
    "--ignore=tests/clients",
)
QUICK = (
    *("tests/audio", "tests/protocol", "tests/session", "tests/plugin", "tests/packaging"),
    "--ignore=tests/packaging/test_replacing.py",
)
CORE = ("tests/audio", "tests/protocol", "tests/meta/test_engine.py")
SCOPES = {"full": FULL, "quick": QUICK, "core": CORE}
CORE_NEEDS = ("numpy", "aiohttp", "msgspec", "pytest", "pytest-asyncio", "pytest-timeout", "hypothesis")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed)")


@dataclass(frozen=True)
class Artefact:
    """One of the things that are shipped, the engine it must choose, and whether numpy is forced on it."""

    pattern: str
    engine: str
    numpy_forced: bool = False


ARTEFACTS = {
    "native": Artefact(f"{STEM}-cp311-abi3-*.whl", "native"),
    "numpy": Artefact(f"{STEM}-cp311-abi3-*.whl", "native", numpy_forced=True),
    "pure": Artefact(f"{STEM}-py3-none-any.whl", "numpy"),
    "sdist": Artefact(f"{STEM}.tar.gz", "native"),
}


@dataclass(frozen=True)
class Row:
    """What came out for one Python and one artefact."""

    python: str
    artefact: str
    scope: str
    counts: dict[str, int]
    seconds: float
    status: int


def main() -> int:
    """Run the combinations that were asked for; return 1 if any of them failed."""
    arguments = _parse()
    # Started in the background of a shell, this process ignores Ctrl-C, and so would every test of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="wheels-") as scratch:
        tree = unpack_tests(arguments.dist, Path(scratch))
        rows = []
        for python, artefact, scope in combinations(arguments):
            print(f"{python} {artefact} ({scope}) ...", flush=True)
            rows.append(run(Path(scratch), tree, arguments, python, artefact, scope))
            print("   " + describe(rows[-1]), flush=True)
    print(table(rows))
    return int(any(row.status for row in rows))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the artefacts are")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="a Python to test on (repeatable)")
    parser.add_argument(
        "--artefact", action="append", choices=tuple(ARTEFACTS), help="what to test (repeatable)"
    )
    parser.add_argument("--quick", action="store_true", help="the whole suite on the first Python only")
    parser.add_argument("--scope", choices=tuple(SCOPES), help="the same tests for every combination")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one run of the suite")
    arguments = parser.parse_args()
    arguments.dist = arguments.dist.resolve()
    return arguments


def combinations(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Yield Python, artefact and scope. From the sdist only one build is tried: it gives the same wheel."""
    pythons = arguments.python or [version for version in PYTHONS if find_python(version)]
    if not pythons:
        raise SystemExit(f"none of Python {', '.join(PYTHONS)} was found: put one on the PATH")
    for position, python in enumerate(pythons):
        wanted = arguments.artefact or (ARTEFACTS if position == 0 else ("native", "numpy", "pure"))
        for artefact in wanted:
            quick = artefact == "sdist" or (arguments.quick and position > 0)
            yield python, artefact, arguments.scope or ("quick" if quick else "full")


def find_python(version: str) -> str | None:
    """Return an interpreter of that version: this one, one of the PATH, one of pyenv, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    of_pyenv = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    candidates = [sys.executable, f"python{version}", *map(str, of_pyenv)]
    # pyenv puts a python3.12 on the PATH even where that version is not active: ask it, do not only find it.
    return next((candidate for candidate in candidates if _answers(candidate, version)), None)


def _answers(candidate: str, version: str) -> bool:
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    try:
        finished = subprocess.run([candidate, "-c", code], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return False
    return finished.stdout.strip() == version


def _uv() -> list[str]:
    return [sys.executable, "-m", "uv"]


def unpack_tests(dist: Path, scratch: Path) -> Path:
    """Unpack the sdist below ``scratch`` and take the sources out of it; return the folder."""
    with tarfile.open(find_artefact(dist, "sdist")) as archive:
        archive.extractall(scratch, filter="data")
    tree = scratch / STEM
    for sources in ("python", "rust"):
        shutil.rmtree(tree / sources)
    return tree


def find_artefact(dist: Path, name: str) -> Path:
    """Return the newest file of that kind in ``dist``."""
    found = sorted(dist.glob(ARTEFACTS[name].pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f"{dist} has no {ARTEFACTS[name].pattern}: run make wheel wheel-pure sdist")
    return found[-1]


def run(
    scratch: Path, tree: Path, arguments: argparse.Namespace, python: str, artefact: str, scope: str
) -> Row:
    """Make an environment, install the artefact into it, run the suite."""
    started = time.monotonic()
    folder = scratch / f"{python}-{artefact}"
    interpreter = install(folder, python, find_artefact(arguments.dist, artefact), needs(scope, tree))
    command = [str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", *SCOPES[scope]]
    variables = environment(ARTEFACTS[artefact], arguments.dist)
    output, status = suite(command, tree, variables, arguments.timeout)
    if status:
        print(output)
    shutil.rmtree(folder)
    return Row(python, artefact, scope, counts(output), time.monotonic() - started, status)


def suite(command: list[str], tree: Path, variables: dict[str, str], timeout_s: float) -> tuple[str, int]:
    """Run pytest; return what it printed and its exit status, 124 if it took too long."""
    with tempfile.TemporaryFile() as output:
        try:
            finished = subprocess.run(
                command, cwd=tree, env=variables, check=False, stdout=output, stderr=output, timeout=timeout_s
            )
            status = finished.returncode
        except subprocess.TimeoutExpired:
            status = 124
        output.seek(0)
        return output.read().decode("utf-8", errors="replace"), status


def needs(scope: str, tree: Path) -> list[str]:
    """Return pip's arguments for what the tests of a scope need, in the locked versions."""
    lock = str(tree / "requirements" / "dev.lock")
    return [*CORE_NEEDS, "--constraint", lock] if scope == "core" else ["--requirement", lock]


def install(folder: Path, python: str, artefact: Path, requirements: list[str]) -> Path:
    """Make a clean environment with what the tests need and the artefact; return its interpreter."""
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    found = find_python(python)
    if found is None:
        raise SystemExit(f"Python {python} was not found: put it on the PATH")
    pip = [*_uv(), "pip", "install", "--quiet", "--python", str(interpreter)]
    subprocess.run([*_uv(), "venv", "--quiet", "--python", found, str(folder)], check=True)
    subprocess.run([*pip, *requirements], check=True)
    subprocess.run([*pip, "--no-deps", "--no-cache", str(artefact)], check=True)
    return interpreter


def environment(artefact: Artefact, dist: Path) -> dict[str, str]:
    """Return the variables of a run: nothing of the caller's that could lead back to the sources."""
    ours = ("PYTHON", "SPEECHWIRE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept |= {"SPEECHWIRE_EXPECT_ENGINE": artefact.engine, "SPEECHWIRE_DIST": str(dist)}
    return kept | ({"SPEECHWIRE_ENGINE": "numpy"} if artefact.numpy_forced else {})


def counts(output: str) -> dict[str, int]:
    """Return what pytest counted, from the last line of its output."""
    last = output.strip().splitlines()[-1] if output.strip() else ""
    return {word.rstrip("s"): int(number) for number, word in _COUNT.findall(last)}


def describe(row: Row) -> str:
    """Return a row's counts in words."""
    counted = ", ".join(f"{number} {word}" for word, number in row.counts.items()) or "no tests were counted"
    return f"{counted}; {row.seconds:.0f} s, exit status {row.status}"


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| Python | artefact | tests | passed | failed | skipped | s |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        failed = row.counts.get("failed", 0) + row.counts.get("error", 0)
        counted = f"{row.counts.get('passed', 0)} | {failed} | {row.counts.get('skipped', 0)}"
        lines.append(f"| {row.python} | {row.artefact} | {row.scope} | {counted} | {row.seconds:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
