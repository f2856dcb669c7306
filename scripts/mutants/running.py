"""Runs tests in a copy of the tree, within bounds of time and memory, and leaves no process behind."""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from scripts.mutants.operators import Mutant

__all__ = ["Copy", "Outcome", "coverage_of"]

_FOLDERS = ("python", "tests", "scripts", "benches", "examples", "docs", "requirements", ".github")
_FILES = (
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "Cargo.toml",
    "mkdocs.yml",
)
_MARK = "SPEECHWIRE_MUTANTS_RUN"
_MEMORY_BYTES = 2 << 30
_FILE_BYTES = 256 << 20

# Sets its own bounds, so that nothing has to run between a fork and what follows.
_BOUNDED = f"""
import os, runpy, sys
os.nice(10)
try:
    import resource
    limits = {{"RLIMIT_DATA": {_MEMORY_BYTES}, "RLIMIT_FSIZE": {_FILE_BYTES}, "RLIMIT_CORE": 0}}
    for limit, most in limits.items():
        resource.setrlimit(getattr(resource, limit), (most, most))
except ImportError:
    pass
sys.path.insert(0, os.getcwd())
sys.argv[0] = "pytest"
runpy.run_module("pytest", run_name="__main__", alter_sys=True)
"""

_NO_TESTS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of the tests ended.

    Args:
        passed: All of them did.
        in_time: It ended by itself.
        seconds: How long it took.
        output: The end of what it said.
    """

    passed: bool
    in_time: bool
    seconds: float
    output: str


class Copy:
    """A copy of the tree, in which one file at a time is another."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.path = folder
        ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
        for name in _FOLDERS:
            if (tree / name).is_dir():
                shutil.copytree(tree / name, folder / name, ignore=ignored)
        for name in _FILES:
            if (tree / name).is_file():
                shutil.copy(tree / name, folder)
        # By its content: a changed file of the same length and second must not be taken for the old one.
        compileall.compile_dir(folder / "python", quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)

    def run_with(self, mutant: Mutant, tests: Sequence[str], bound_s: float) -> Outcome:
        """Run tests while one file is changed."""
        path = self.path / mutant.file
        source = path.read_text(encoding="utf-8")
        changed = mutant.applied_to(source)
        assert changed is not None
        try:
            path.write_text(changed, encoding="utf-8")
            return self.run(tests, bound_s)
        finally:
            path.write_text(source, encoding="utf-8")

    def run(self, tests: Sequence[str], bound_s: float, *options: str) -> Outcome:
        """Run tests until the first that fails.

        Raises:
            RuntimeError: There are none.
        """
        chosen = self.path / "chosen-tests.txt"
        chosen.write_text("\n".join(tests), encoding="utf-8")
        # With the same examples each time, or a change would be noticed by luck.
        seed = "--hypothesis-seed=1"
        command = ("-x", "-q", "-p", "no:cacheprovider", "--tb=line", seed, *options, f"@{chosen}")
        shutil.rmtree(self.path / ".hypothesis", ignore_errors=True)
        mark = uuid.uuid4().hex
        log = self.path / "output.txt"
        start_s = time.monotonic()
        with log.open("wb") as output:
            code = self._pytest(command, mark, output.fileno(), bound_s)
        _end_what_is_left(mark)
        seconds = time.monotonic() - start_s
        if code == _NO_TESTS:
            raise RuntimeError(f"there are no tests in {', '.join(tests[:3])}")
        said = log.read_bytes()[-2000:].decode(errors="replace")
        return Outcome(code == 0, code is not None, seconds, said)

    def _sources(self) -> list[Path]:
        """From where packages are imported: ``python``, and each distribution beside speechwire."""
        python = self.path / "python"
        return [python, *(path.parent for path in sorted(python.glob("*/pyproject.toml")))]

    def _pytest(self, options: Sequence[str], mark: str, output: int, bound_s: float) -> int | None:
        """Its exit code; None if it had to be ended."""
        environment = os.environ | {
            _MARK: mark,
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in self._sources()),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.path / ".hypothesis"),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", _BOUNDED, *options],
            cwd=self.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            return process.wait(bound_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_what_is_left(mark: str) -> None:
    """End processes that left the group: each still has the mark in its environment."""
    wanted = f"{_MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except OSError:
            continue


def coverage_of(copy: Copy, sources: Iterable[str], tests: Sequence[str], bound_s: float) -> Coverage:
    """Run all tests once, unchanged, and note which of them reach which line.

    Raises:
        RuntimeError: They do not pass as they are.
    """
    folders = [f"--cov={source}" for source in sources]
    outcome = copy.run(tests, bound_s, *folders, "--cov-context=test", "--cov-report=")
    if not outcome.passed:
        raise RuntimeError(f"the tests do not pass as they are:\n{outcome.output}")
    return Coverage(copy, outcome.seconds)


class Coverage:
    """Which tests reach which line."""

    def __init__(self, copy: Copy, seconds: float) -> None:
        from coverage import CoverageData  # noqa: PLC0415  # only where tests are chosen

        self.seconds = seconds
        self._root = copy.path
        self._data = CoverageData(str(copy.path / ".coverage"))
        self._data.read()

    def tests_of(self, file: str, first: int, last: int) -> list[str] | None:
        """The tests that reach any of these lines; None if that cannot be told.

        Code that runs at import, or in a process of its own, is reached by no test in particular.
        """
        reached = self._data.contexts_by_lineno(str(self._root / file))
        contexts = {context for number in range(first, last + 1) for context in reached.get(number, ())}
        tests = {context.rpartition("|")[0] for context in contexts}
        if not tests or "" in tests or any("\n" in test for test in tests):
            return None
        return sorted(tests)
