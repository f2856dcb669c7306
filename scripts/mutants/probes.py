"""Notes which test reaches which block of the code, and how long each test takes.

A call at the start of each block says that it is reached, once in each test and process. Coverage with a
context for each test says the same of lines, but makes the tests of a session take several times as long, and
says nothing of the processes that a test starts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

__all__ = ["PLUGIN", "Block", "blocks_of", "probed", "write_plugin"]

PLUGIN = "_mutants_probes"
_BODIES = ("body", "orelse", "finalbody")
# `test` is a file, so that processes of a test know it too.
_PLUGIN = """
import json, os

_log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_test = {test!r}
_unwritten = []
seen = set()


def reached(block):
    seen.add(block)
    try:
        with open(_test, encoding="utf-8") as file:
            _write([block, file.read()])
    except FileNotFoundError:
        _write([block, ""])


def _write(entry):
    _unwritten.append(json.dumps(entry).encode() + b"\\n")
    try:
        os.write(_log, b"".join(_unwritten))
    except OSError:  # the test has bounded how long files may be: once it is over, they are written
        return
    _unwritten.clear()


def pytest_runtest_logstart(nodeid, location):
    with open(_test, "w", encoding="utf-8") as file:
        file.write(nodeid)
    seen.clear()


def pytest_runtest_logreport(report):
    _write([report.nodeid, report.duration])
"""


@dataclass(frozen=True, slots=True)
class Block:
    """Statements one below the other in a function.

    Args:
        first: Line of the first.
        last: Line of the end of the last.
    """

    first: int
    last: int


def write_plugin(folder: Path, log: Path) -> None:
    """Write the module that probes call and pytest takes for a plugin."""
    text = _PLUGIN.format(log=str(log), test=str(log.with_suffix(".test")))
    (folder / f"{PLUGIN}.py").write_text(text, encoding="utf-8")


def blocks_of(source: str) -> list[Block]:
    """The blocks of a module that can have a probe, in order of their lines."""
    lines = source.splitlines()
    found = []
    for first, *rest in _bodies(ast.parse(source), in_function=False):
        block = Block(_start(first), [first, *rest][-1].end_lineno or 0)
        line = lines[block.first - 1]
        alone = first.col_offset == len(line) - len(line.lstrip())
        # An `elif` is an `if` that begins the block of an `else`, and has no line before it for a probe.
        if alone and not line.lstrip().startswith("elif "):
            found.append(block)
    return sorted(found, key=lambda block: (block.first, -block.last))


def probed(source: str, first_number: int) -> str:
    """The module with a probe in each of its blocks, which are numbered from ``first_number``."""
    lines = source.splitlines(keepends=True)
    for number, block in reversed(list(enumerate(blocks_of(source), first_number))):
        line = lines[block.first - 1]
        indent = line[: len(line) - len(line.lstrip())]
        lines.insert(block.first - 1, f"{indent}{number} in _probes.seen or _probes.reached({number})\n")
    lines.insert(_first_import(source), f"import {PLUGIN} as _probes\n")
    return "".join(lines)


def _bodies(node: ast.AST, *, in_function: bool) -> Iterator[list[ast.stmt]]:
    inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
        in_function and not isinstance(node, ast.ClassDef)
    )
    for name in _BODIES:
        body = getattr(node, name, None)
        if inner and isinstance(body, list) and (body := _without_docstring(node, body)):
            yield body
    for child in ast.iter_child_nodes(node):
        yield from _bodies(child, in_function=inner)


def _without_docstring(node: ast.AST, body: list[ast.stmt]) -> list[ast.stmt]:
    documented = (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None
    )
    return body[1:] if documented else body


def _start(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _first_import(source: str) -> int:
    """Where the first import that is not from ``__future__`` may stand."""
    first = takewhile(_comes_first, ast.parse(source).body)
    return max((statement.end_lineno or 0 for statement in first), default=0)


def _comes_first(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
