"""Install what was built into clean environments, and run the test suite against what was installed.

    python -m scripts.wheel_matrix            # every Python found; each artefact; the whole suite
    python -m scripts.wheel_matrix --quick    # the whole suite on the first Python
    python -m scripts.wheel_matrix --python 3.12 --artefact pure
    python -m scripts.wheel_matrix --scope alone   # speechwire with its extras, and nothing beside it
    python -m scripts.wheel_matrix --scope core    # what runs where not even those can be installed

The tests come out of the sdist, and run in a folder that holds none of the packages: what is imported can
only be what was installed, and the sdist is shown to hold what its tests need. ``full`` and ``quick`` install
every distribution and the framework, the others ``speechwire`` alone. Tests marked ``paced`` are left out.
Prints a line as each combination ends, and a table of counts. With ``--jobs`` several run at once.
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.distributions import CORE, DISTRIBUTIONS, PURE, ROOT

VERSION = CORE.project()["version"]
STEM = f"{CORE.file_name}-{VERSION}"
PYTHONS = ("3.11", "3.12", "3.13")
# Left out: what reads the source tree, which is not there, and what has an environment of its own.
FULL = (
    "tests",
    "--ignore=tests/meta/test_chosen.py",
    "--ignore=tests/meta/test_imports.py",
    "--ignore=tests/meta/test_private_parts.py",
    "--ignore=tests/meta/test_project.py",
    "--ignore=tests/meta/test_tree.py",
    "--ignore=tests/meta/test_unused_names.py",
    "--ignore=tests/scripts",
    "--ignore=tests/clients",
)
QUICK = (
    *("tests/audio", "tests/protocol", "tests/session", "tests/plugin", "tests/packaging"),
    "--ignore=tests/packaging/test_replacing.py",
    "--ignore=tests/packaging/test_alone.py",
)
# What needs no framework. With the extras of the tests, and without any.
ALONE = (
    *("tests/audio", "tests/protocol", "tests/transport", "tests/session", "tests/emulator", "tests/cli"),
    *("tests/model", "tests/meta/test_engine.py", "tests/meta/test_import_time.py"),
)
BARE = ("tests/audio", "tests/protocol", "tests/meta/test_engine.py")
SCOPES = {"full": FULL, "quick": QUICK, "alone": ALONE, "core": BARE}
WITH_PLUGINS = ("full", "quick")
# Longer than the longest of pip's installs, whose tests have a limit of their own.
PATIENT = ("-o", "faulthandler_timeout=900")
# One process: with several, a worker of pytest-xdist ended before its tests (3.12, scope `alone`).
UNPACED = ("-m", "not paced")
BARE_NEEDS = ("numpy", "aiohttp", "msgspec", "pytest", "pytest-asyncio", "pytest-timeout", "hypothesis")
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

        def row(combination: tuple[str, str, str]) -> Row:
            python, artefact, scope = combination
            done = run(Path(scratch), tree, arguments, python, artefact, scope)
            print(f"{python} {artefact} ({scope}): {describe(done)}", flush=True)
            return done

        with ThreadPoolExecutor(arguments.jobs) as executor:
            rows = list(executor.map(row, combinations(arguments)))
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
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one run of the suite")
    arguments = parser.parse_args()
    arguments.dist = arguments.dist.resolve()
    return arguments


def combinations(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Yield Python, artefact and scope.

    From the sdist only one build is tried: it gives the same wheel. The wheels are tried alone on the first
    Python.
    """
    pythons = arguments.python or [version for version in PYTHONS if find_python(version)]
    if not pythons:
        raise SystemExit(f"none of Python {', '.join(PYTHONS)} was found: put one on the PATH")
    for position, python in enumerate(pythons):
        wanted = arguments.artefact or (ARTEFACTS if position == 0 else ("native", "numpy", "pure"))
        for artefact in wanted:
            quick = artefact == "sdist" or (arguments.quick and position > 0)
            yield python, artefact, arguments.scope or ("quick" if quick else "full")
            if position == 0 and artefact in ("native", "pure") and not arguments.scope:
                yield python, artefact, "alone"


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
    packages = [tree / one.sources / one.package.partition("/")[0] for one in DISTRIBUTIONS]
    for sources in (*packages, tree / "rust"):
        shutil.rmtree(sources)
    return tree


def find_artefact(dist: Path, name: str) -> Path:
    """Return the newest file of that kind of speechwire in ``dist``."""
    return _newest(dist, ARTEFACTS[name].pattern)


def find_plugins(dist: Path, artefact: str) -> list[Path]:
    """Return what stands beside speechwire: an sdist beside its sdist, a wheel beside its wheels."""
    end = ".tar.gz" if artefact == "sdist" else "-py3-none-any.whl"
    return [_newest(dist, f"{distribution.file_name}-{VERSION}{end}") for distribution in PURE]


def _newest(dist: Path, pattern: str) -> Path:
    found = sorted(dist.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SystemExit(f"{dist} has no {pattern}: run make wheel wheel-pure sdist")
    return found[-1]


def run(
    scratch: Path, tree: Path, arguments: argparse.Namespace, python: str, artefact: str, scope: str
) -> Row:
    """Make an environment, install the artefact into it, run the suite."""
    started = time.monotonic()
    folder = scratch / f"{python}-{artefact}-{scope}"
    files = [find_artefact(arguments.dist, artefact)]
    files += find_plugins(arguments.dist, artefact) if scope in WITH_PLUGINS else []
    interpreter = install(folder, python, files, needs(scope, tree, files[0]))
    command = [str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", *PATIENT, *SCOPES[scope]]
    command += () if scope == "core" else UNPACED
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


def needs(scope: str, tree: Path, artefact: Path) -> list[str]:
    """Return pip's arguments for what the tests of a scope need, in the locked versions."""
    lock = str(tree / "requirements" / "dev.lock")
    if scope in WITH_PLUGINS:
        return ["--requirement", lock]
    # Resolved from what the artefact itself says it requires.
    wanted = BARE_NEEDS if scope == "core" else (f"{CORE.name}[test,media] @ {artefact.as_uri()}",)
    return [*wanted, "--constraint", lock]


def install(folder: Path, python: str, artefacts: list[Path], requirements: list[str]) -> Path:
    """Make a clean environment with what the tests need and the artefacts; return its interpreter."""
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    found = find_python(python)
    if found is None:
        raise SystemExit(f"Python {python} was not found: put it on the PATH")
    pip = [*_uv(), "pip", "install", "--quiet", "--python", str(interpreter)]
    subprocess.run([*_uv(), "venv", "--quiet", "--python", found, str(folder)], check=True)
    subprocess.run([*pip, *requirements], check=True)
    subprocess.run([*pip, "--no-deps", "--no-cache", "--reinstall", *map(str, artefacts)], check=True)
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
