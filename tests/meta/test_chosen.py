"""Which tests each verb runs: together they are all, and what a verb leaves out is named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from tests.choosing import LONGEST

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("MAKE", "MFLAGS", "CHOSEN", "PACED", "PARALLEL", "PYTEST_ARGS", "PYTEST_XDIST")

CONFTEST = """
from tests.choosing import LeftOut

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: .")
    config.pluginmanager.register(LeftOut())
"""
TESTS = """
import pytest

def test_quick(): pass

@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_slow(number): pass
"""


def environment(**more: str) -> dict[str, str]:
    """Nothing of the run that this test is a part of."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)} | more


def expressions(*arguments: str) -> list[str]:
    """What a verb gives pytest's ``-m``, run by run."""
    command = ["make", "--dry-run", "--always-make", *arguments]
    shown = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    return re.findall(r'python -m pytest .*-m "(.*?)"', shown.stdout)


def chosen(expression: str, *, paced: bool, slow: bool) -> bool:
    return bool(eval(expression.strip(), {"paced": paced, "slow": slow}))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("verb", "leaves_slow_out"),
    [
        ("test", True),
        ("test-python", True),
        ("test-all", False),
        ("test-python RUST= CHOSEN=", False),
        ("test-oldest", False),
    ],
)
def test_a_test_is_run_once_or_it_is_slow_and_left_out(verb: str, leaves_slow_out: bool) -> None:
    runs = expressions(*verb.split())
    assert runs
    for paced, slow in product((False, True), repeat=2):
        times = sum(chosen(run, paced=paced, slow=slow) for run in runs)
        assert times == (0 if slow and leaves_slow_out else 1), (runs, paced, slow)


def test_ci_leaves_nothing_out() -> None:
    (verbs,) = re.findall(r"^for verb in (.*); do$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.M)
    assert "test-all" in verbs.split()
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"make test(?![-\w])", workflow) == []
    assert {line.split()[-1] for line in re.findall(r"make test-python.*", workflow)} == {"CHOSEN="}


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two"])
def test_what_is_left_out_is_counted_and_named(tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    options = ("-q", "-p", "xdist", "--rootdir", ".", "-c", os.devnull, *processes)
    command = (sys.executable, "-m", "pytest", *options)

    def said(*arguments: str) -> str:
        ran = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(ROOT), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    assert "2 slow tests left out, `make test-all` runs them: test_it.py (2)" in said("-m", "not slow")
    assert "left out" not in said()


def test_the_longest_files_are_there() -> None:
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []
