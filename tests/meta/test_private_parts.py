"""``docs/private-parts.md`` and the code name the same private parts, each in the same functions."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from scripts.distributions import DISTRIBUTIONS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "private-parts.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.M)[1:]
TICKED = re.compile(r"`([^`]+)`")
PRIVATE = re.compile(r"_[A-Za-z]\w*")

Uses = dict[str, set[str]]
"""By private name: the functions that use it."""


def sources(root: Path, package: str) -> list[ast.Module]:
    paths = sorted((root / package).rglob("*.py"))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def own_names(modules: Iterable[ast.Module]) -> set[str]:
    """What a package defines itself: functions, classes, variables, attributes that it sets on ``self``."""
    return {name for module in modules for node in ast.walk(module) for name in defined(node)}


def defined(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            return [name]
        case ast.alias(name=name, asname=other):
            return [other or name]
    return []


def foreign_uses(module: ast.Module, own: set[str]) -> Iterator[tuple[str, str]]:
    """Each use of a private name that the package does not define, or takes from its base class."""
    for function, node in inside(module, ""):
        if not isinstance(node, ast.Attribute) or not PRIVATE.fullmatch(node.attr):
            continue
        if node.attr not in own or ast.unparse(node.value) == "super()":
            yield node.attr, function


def inside(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function it is in."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        name = child.name if is_function else function  # type: ignore[attr-defined]
        yield name, child
        yield from inside(child, name)


def overridden(modules: Iterable[ast.Module]) -> Iterator[tuple[str, str]]:
    """The names of a table ``OVERRIDDEN``: private methods that a framework asks its plugins to implement."""
    for module in modules:
        for node in module.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OVERRIDDEN":
                constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                yield from ((str(name), "OVERRIDDEN") for name in constants)


def in_code() -> Uses:
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for distribution in DISTRIBUTIONS:
        modules = sources(ROOT / distribution.sources, distribution.package)
        own = own_names(modules)
        found = [use for module in modules for use in foreign_uses(module, own)]
        for name, function in [*found, *overridden(modules)]:
            uses[name].add(function)
    return dict(uses)


def rows(section: str) -> Iterator[list[str]]:
    """The rows of a section's table of names, as cells."""
    lines = [line for line in section.splitlines() if line.startswith("| `_")]
    yield from ([cell.strip() for cell in line.strip("| ").split("|")] for line in lines)


def on_page() -> Uses:
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for section in SECTIONS:
        for cells in rows(section):
            uses[cells[0].strip("`")].update(TICKED.findall(cells[-1]))
    return dict(uses)


def test_the_page_lists_what_the_code_uses_and_where() -> None:
    assert on_page() == in_code()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_each_name_is_in_the_test_that_the_page_states(section: str) -> None:
    [stated] = re.findall(r"`(tests/\S+\.py)`", section)
    test = (ROOT / stated).read_text(encoding="utf-8")
    code = [name for name in TICKED.findall(section.partition("Test:")[0]) if name.endswith(".py")]
    assert code
    assert all((ROOT / "python").rglob(name.rpartition("/")[2]) for name in code)
    by_table = "_framework.OVERRIDDEN" in test
    names = [cells[0].strip("`") for cells in rows(section) if not (by_table and "OVERRIDDEN" in cells[-1])]
    assert names
    assert [name for name in names if name not in test] == []


def test_the_scan_finds_what_is_not_ours() -> None:
    text = """
class Ours(Theirs):
    def _mine(self):
        self._set = other._theirs
        return self._set, self._mine(), self._inherited, super()._mine()
"""
    module = ast.parse(text)
    found = set(foreign_uses(module, own_names([module])))
    assert found == {("_theirs", "_mine"), ("_inherited", "_mine"), ("_mine", "_mine")}
