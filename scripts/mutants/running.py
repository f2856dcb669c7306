"""Runs tests in a copy of the tree, within bounds of time and memory, and leaves no process behind.

Each run is a process of its own, forked from one that has imported what does not change: to import pytest and
the framework takes longer than most tests do.
"""

from __future__ import annotations

import compileall
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from py_compile import PycInvalidationMode

from scripts.mutants.operators import Mutant
from scripts.mutants.probes import PLUGIN, Block, blocks_of, probed, write_plugin

__all__ = ["Copy", "Outcome", "Reach", "reach_of"]

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
_NICENESS = 10
_START_S = 120.0
_END_S = 30.0
_NO_TESTS = 5

# Nothing of this tree. What is not installed is passed over.
_IMPORTED = ["pytest", "hypothesis", "numpy", "msgspec", "aiohttp", "picows", "videosdk.agents"]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(_IMPORTED)


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
            RuntimeError: There are none, or they could not be begun.
        """
        chosen = self.path / "chosen-tests.txt"
        chosen.write_text("\n".join(tests), encoding="utf-8")
        # With the same examples each time, or a change would be noticed by luck.
        seed = "--hypothesis-seed=1"
        # What was imported before has no assertions of ours.
        known = "-Wignore::pytest.PytestAssertRewriteWarning"
        less = ("-p", "no:cacheprovider", "-p", "no:anyio", "--tb=line")
        command = ("-x", "-q", known, *less, seed, *options, f"@{chosen}")
        shutil.rmtree(self.path / ".hypothesis", ignore_errors=True)
        start_s = time.monotonic()
        code, output = self._pytest(command, bound_s)
        seconds = time.monotonic() - start_s
        if code == _NO_TESTS:
            raise RuntimeError(f"there are no tests in {', '.join(tests[:3])}")
        return Outcome(code == 0, code is not None, seconds, output)

    def _sources(self) -> list[Path]:
        """From where packages are imported: ``python``, and each distribution beside speechwire."""
        python = self.path / "python"
        return [python, *(path.parent for path in sorted(python.glob("*/pyproject.toml")))]

    def _pytest(self, options: Sequence[str], bound_s: float) -> tuple[int | None, str]:
        """Its exit code, None if it had to be ended, and the end of what it said."""
        mark = uuid.uuid4().hex
        environment = {
            _MARK: mark,
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in self._sources()),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.path / ".hypothesis"),
        }
        output = self.path / _OUTPUT
        output.unlink(missing_ok=True)
        begun, beginning = _FORKS.Pipe(duplex=False)
        arguments = (beginning, str(self.path), options, environment)
        process = _FORKS.Process(target=_run_pytest, args=arguments)
        process.start()
        beginning.close()
        with begun:
            begun.poll(_START_S)  # the first one waits for all that is imported
        process.join(bound_s)
        code = process.exitcode
        _end_group(process)
        _end_what_is_left(mark)
        if not output.exists():
            raise RuntimeError("the tests could not be begun")
        return code, output.read_bytes()[-2000:].decode(errors="replace")


_OUTPUT = "output.txt"


def _run_pytest(
    beginning: Connection, folder: str, options: Sequence[str], environment: Mapping[str, str]
) -> None:
    """What the process of one run does: it sets its own bounds, and is pytest."""
    beginning.close()
    os.setsid()
    os.chdir(folder)
    with open(_OUTPUT, "wb") as output, open(os.devnull, "rb") as nothing:
        for mine, theirs in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(mine.fileno(), theirs)
    _bound()
    os.environ.update(environment)
    # The tree's own modules are the copy's; a package that others extend looks for them when it is imported.
    for name in [name for name in sys.modules if name.partition(".")[0] in ("scripts", "videosdk")]:
        del sys.modules[name]
    sys.path[:0] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
    sys.argv = ["pytest", *options]
    try:
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _bound() -> None:
    os.nice(max(0, _NICENESS - os.nice(0)))
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    limits = {
        resource.RLIMIT_DATA: _MEMORY_BYTES,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _end_group(process: ForkServerProcess) -> None:
    assert process.pid is not None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _end_what_is_left(mark: str) -> None:
    """End processes that left the group, and see them gone: each still has the mark in its environment."""
    until_s = time.monotonic() + _END_S
    while (left := _marked(mark)) and time.monotonic() < until_s:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(mark: str) -> list[int]:
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
    return found


def reach_of(copy: Copy, files: Iterable[str], tests: Sequence[str], bound_s: float) -> Reach:
    """Run all tests once, with nothing changed but a probe in each block of these files.

    Raises:
        RuntimeError: They do not pass.
    """
    sources = {file: (copy.path / file).read_text(encoding="utf-8") for file in files}
    log = copy.path / "reached.txt"
    write_plugin(copy.path / "python", log)
    numbers = count()
    blocks = {file: {next(numbers): block for block in blocks_of(source)} for file, source in sources.items()}
    try:
        for file, source in sources.items():
            if blocks[file]:
                (copy.path / file).write_text(probed(source, min(blocks[file])), encoding="utf-8")
        outcome = copy.run(tests, bound_s, "-p", PLUGIN)
    finally:
        for file, source in sources.items():
            (copy.path / file).write_text(source, encoding="utf-8")
    if not outcome.passed:
        raise RuntimeError(f"the tests do not pass as they are:\n{outcome.output}")
    return Reach(blocks, log.read_text(encoding="utf-8").splitlines(), outcome.seconds)


class Reach:
    """Which tests reach which block, and how long each takes.

    Args:
        blocks: Of each file, by their numbers.
        log: What the probes and pytest wrote.
        seconds: How long all tests took.
    """

    def __init__(self, blocks: Mapping[str, Mapping[int, Block]], log: Iterable[str], seconds: float) -> None:
        self.seconds = seconds
        self._blocks = blocks
        self._tests: dict[int, set[str]] = {}
        self._reach: Counter[str] = Counter()
        self._took_s: Counter[str] = Counter()
        for line in log:
            what, value = json.loads(line)
            if isinstance(what, int):
                self._tests.setdefault(what, set()).add(value)
                self._reach[value] += 1
            else:
                self._took_s[what] += value

    def tests_of(self, file: str, first: int, last: int) -> list[str]:
        """The tests that reach these lines, first those that are quick and reach little else.

        Code that runs at import is reached by all tests, first by those that reach other lines of the file.
        """
        around = [
            (block.last - block.first, number)
            for number, block in self._blocks.get(file, {}).items()
            if block.first <= first and last <= block.last
        ]
        tests = self._tests.get(min(around)[1], set()) if around else {""}
        near = {test for number in self._blocks.get(file, {}) for test in self._tests.get(number, ())}
        found = set(self._took_s) if "" in tests else tests
        return sorted(
            found, key=lambda test: (test not in near, self._reach[test] * self._took_s[test], test)
        )

    def seconds_of(self, tests: Iterable[str]) -> float:
        """How long tests take."""
        return sum(self._took_s[test] for test in tests)
