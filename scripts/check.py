"""Run the tests of what has changed since main, for ``make check``.

    python -m scripts.check                 # against main
    python -m scripts.check --base HEAD~3   # against another commit
    python -m scripts.check --list          # only print which test files

A changed test file is run, and a few tests of the whole tree. Of the folder of tests that belongs to a
changed source, the files that name it are run: its module or one of the names of its ``__all__``; all of them
if none does. No more than 20 files are run, and after 30 seconds the rest of the tests is skipped: what is
left out is printed. ``make test`` runs it; a test marked ``slow``, ``make test-all``.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from scripts.distributions import DISTRIBUTIONS

__all__ = ["changed", "chosen"]

ROOT = Path(__file__).resolve().parents[1]
BUDGET_S = 30.0
MOST_FILES = 20  # to collect more takes as long as to run them
BUDGET = "SPEECHWIRE_CHECK_BUDGET_S"
ALWAYS = ("test_imports.py", "test_private_parts.py", "test_project.py", "test_unused_names.py")

# Which folder of tests a part of the tree has, where it is not of the same name. Those of ELSEWHERE need an
# environment of their own: `make test-livekit`, `test-pipecat`, `test-clients`.
ELSEWHERE = ("livekit", "pipecat", "clients")
FOLDERS = {
    "python/videosdk-plugins-deepgram": "plugin",
    "rust": "audio",
    "docs": "docs",
    "examples": "examples",
    "benches": "benches",
    "scripts": "scripts",
    "deploy": "packaging",
    "python/livekit-plugins-speechwire": "livekit",
    "python/pipecat-speechwire": "pipecat",
}


def git(root: Path, *arguments: str) -> list[str]:
    """The lines that git prints."""
    ran = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return ran.stdout.splitlines()


def changed(root: Path = ROOT, base: str = "main") -> list[str]:
    """The files that differ from where this branch left ``base``: committed, staged, edited or new."""
    [start] = git(root, "merge-base", base, "HEAD")
    new = git(root, "ls-files", "--others", "--exclude-standard")
    return sorted({*git(root, "diff", "--name-only", start), *new})


def chosen(paths: Iterable[str], root: Path = ROOT) -> list[Path]:
    """The test files to run: those that changed, those always run, then those of what changed."""
    files = [Path(path) for path in paths]
    tests = [root / path for path in files if path.parts[0] == "tests" and path.name.startswith("test_")]
    tests += [root / "tests" / "meta" / name for name in ALWAYS]
    tests += [test for path in files for test in tests_of(path, root)]
    elsewhere = [root / "tests" / folder for folder in ELSEWHERE]
    return [
        test
        for test in dict.fromkeys(tests)
        if test.exists() and not any(map(test.is_relative_to, elsewhere))
    ]


def tests_of(path: Path, root: Path) -> Iterator[Path]:
    """The test files that name a source, of the folder that belongs to it; all of them if none does."""
    folder = folder_of(path)
    if not folder or path.name.startswith("test_"):
        return
    tests = sorted((root / "tests" / folder).rglob("test_*.py"))
    names = re.compile(rf"\b({'|'.join(map(re.escape, names_of(root / path)))})\b")
    naming = [test for test in tests if names.search(test.read_text(encoding="utf-8"))]
    yield from naming or tests


def folder_of(path: Path) -> str:
    """The folder below ``tests`` that belongs to a file; "" if none does."""
    if path.parts[0] == "tests" and len(path.parts) > 2:
        return "/".join(path.parts[1:-1])
    for place, folder in FOLDERS.items():
        if path.is_relative_to(place):
            return folder
    if path.is_relative_to("python/speechwire") and len(path.parts) > 3:
        return path.parts[2]
    return "docs" if path.suffix == ".md" else ""


def names_of(path: Path) -> list[str]:
    """What a test would name a file by: its stem, and the names that a module exports."""
    if path.suffix != ".py" or not path.exists():
        return [path.stem]
    body = ast.parse(path.read_text(encoding="utf-8")).body
    exports = [node.value for node in body if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)]
    names = [name for each in exports for name in ast.literal_eval(each)]
    return [path.parent.name if path.stem == "__init__" else path.stem, *names]


_begins: list[float] = []
"""When each test of this process began, on the monotonic clock."""


@pytest.hookimpl(tryfirst=True)  # before the fixtures are made
def pytest_runtest_setup() -> None:
    """Skip what is left when the time is over; pytest calls this in each of its processes.

    The time begins with a process's first test: where pytest starts slowly, some tests still run.
    """
    _begins.append(time.monotonic())
    if _begins[-1] - _begins[0] > float(os.environ.get(BUDGET, "inf")):
        pytest.skip(f"not within {BUDGET_S:.0f} s: `make test` runs it")


def run(tests: list[Path]) -> int:
    """Run test files against this tree, on all cores; return pytest's exit status."""
    options = ["-p", "from_this_tree", "-p", "scripts.check", "-q", "-m", "not slow"]
    options += ["-n", "auto", "--dist", "loadfile"]
    # For the processes that tests start; `from_this_tree` does the same for the tests.
    paths = [ROOT, ROOT / "scripts", *(ROOT / one.sources for one in DISTRIBUTIONS)]
    environment = {BUDGET: str(BUDGET_S), "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-m", "pytest", *options, *map(str, tests)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment).returncode


def main() -> int:
    """Choose and run, or only list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default="main", help="what to compare with (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="only print which test files would be run")
    arguments = parser.parse_args()
    tests = chosen(changed(base=arguments.base))
    if arguments.list:
        print(*(test.relative_to(ROOT).as_posix() for test in tests), sep="\n")
        return 0
    if left := len(tests[MOST_FILES:]):
        print(f"{left} more files of tests name what has changed: `make test` runs them")
    return run(tests[:MOST_FILES])


if __name__ == "__main__":
    sys.exit(main())
