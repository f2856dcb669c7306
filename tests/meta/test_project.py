"""The project's own bookkeeping: one version, no stray package files, no secrets of the workshop."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest
from scripts.distributions import DISTRIBUTIONS, PURE, Distribution

import speechwire
from scripts import check_release

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "python").rglob("*.py"))


def function_lengths() -> list[int]:
    return [
        node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_one_version_everywhere() -> None:
    assert list(check_release.disagreements("")) == []
    assert speechwire.__version__ == check_release.project_version()


def test_the_list_of_distributions_is_what_is_there() -> None:
    found = {path.parent.relative_to(ROOT) for path in (ROOT / "python").glob("*/pyproject.toml")}
    assert found == {distribution.path for distribution in PURE}
    assert [distribution.project()["name"] for distribution in DISTRIBUTIONS] == [
        distribution.name for distribution in DISTRIBUTIONS
    ]


def test_makes_list_is_the_same() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^PURE +:= (.*)$", text, re.M)
    assert line == "$(patsubst python/%/pyproject.toml,%,$(sort $(wildcard python/*/pyproject.toml)))"
    assert all(distribution.folder == "" for distribution in PURE)


def test_the_extension_is_renamed_into_its_place() -> None:
    """A file that is written over changes under whoever has loaded it: the next call jumps to nowhere."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (extension,) = re.findall(r"^EXTENSION +:= (.*)$", text, re.M)
    recipes = [line.replace("$(EXTENSION)", extension) for line in re.findall(r"^\t(.*)$", text, re.M)]
    writing = [line.split()[0] for line in recipes if line.endswith("_native.abi3.so")]
    assert writing == ["mv"]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda distribution: distribution.name)
def test_its_package_is_there_and_the_namespaces_above_it_stay_namespaces(distribution: Distribution) -> None:
    sources = ROOT / distribution.sources
    assert (sources / distribution.package / "__init__.py").exists()
    # One __init__.py above it would hide every other plugin of the framework.
    above = list(Path(distribution.package).parents)
    assert [parent for parent in above if (sources / parent / "__init__.py").exists()] == []


@pytest.mark.parametrize("distribution", PURE, ids=lambda distribution: distribution.name)
def test_its_licence_is_that_of_the_whole(distribution: Distribution) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (ROOT / distribution.path / "LICENSE").read_text(encoding="utf-8") == text


def test_functions_stay_small() -> None:
    lengths = sorted(function_lengths())
    assert statistics.median(lengths) < 10
    assert lengths[int(len(lengths) * 0.9)] <= 35


def test_files_stay_small() -> None:
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "rust").rglob("*.rs")]
    assert len(files) > 300
    assert [path.relative_to(ROOT).as_posix() for path in files if length(path) > 350] == []
