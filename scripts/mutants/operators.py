"""Every change of one place that is worth trying, found in the syntax tree and made in the text.

A condition negated or its limit moved by one, an operator swapped, ``and`` for ``or``, a constant changed, a
statement dropped (a call, an ``await x.close()``, an assignment to an attribute, an early return, a raise),
``break`` for ``continue``, a keyword argument left out, ``min`` for ``max``, ``any`` for ``all``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Args:
        file: Path of the file in the tree, with slashes.
        function: Dotted name of the function or class it is in; empty for the module.
        line: The lines of source it touches, stripped and joined; with file and function, this names it.
        change: The same lines after the change.
        number: First of these lines, for people.
        lines: How many there are.
        span: Where in the file something else is put.
        text: What is put there.
    """

    file: str
    function: str
    line: str
    change: str
    number: int
    lines: int
    span: tuple[int, int]
    text: str

    def applied_to(self, source: str) -> str | None:
        """The file after the change; None if that is no Python, or the same program."""
        start, end = self.span
        changed = source[:start] + self.text + source[end:]
        try:
            differs = ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))
        except SyntaxError:
            return None
        return changed if differs else None

    def __str__(self) -> str:
        return f"{self.file}:{self.number} {self.function}\n    {self.line}\n    {self.change}"


def mutants_of(path: Path, tree: Path) -> list[Mutant]:
    """All mutants of one file, in order of its lines."""
    return list(_File(path.read_text(encoding="utf-8"), path.relative_to(tree).as_posix()).mutants())


class _File:
    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        for function, start, end, text in sorted(_changes(self), key=lambda change: change[1:]):
            yield self._mutant(function, start, end, text)

    def _mutant(self, function: str, start: int, end: int, text: str) -> Mutant:
        first, last = self._source.rfind("\n", 0, start) + 1, self._source.find("\n", end)
        last = len(self._source) if last < 0 else last
        line = self._source[first:last]
        change = self._source[first:start] + text + self._source[end:last]
        number = self._source.count("\n", 0, first) + 1
        lines = line.count("\n") + 1
        return Mutant(self._name, function, _joined(line), _joined(change), number, lines, (start, end), text)

    def tree(self) -> ast.Module:
        return ast.parse(self._source)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node's text begins and ends."""
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self._source[start:end]

    def between(self, left: ast.AST, right: ast.AST, old: str, new: str) -> tuple[int, int, str] | None:
        """Replace an operator that stands somewhere between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        pattern = re.sub(r"\\? ", r"\\s+", re.escape(old))
        pattern = rf"\b{pattern}\b" if old[0].isalpha() else pattern
        found = re.search(pattern, self._source[start:end])
        return (start + found.start(), start + found.end(), new) if found else None

    def _offset(self, line: int, column: int) -> int:
        # Columns count bytes of UTF-8.
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)


_Change = tuple[str, int, int, str]


def _changes(file: _File) -> Iterator[_Change]:
    for function, node, parents in _nodes(file.tree(), "", ()):
        for change in (
            *_of_expression(file, node),
            *_of_condition(file, node),
            *_of_call(file, node),
            *_of_statement(file, node, parents),
        ):
            yield (function, *change)


def _nodes(
    node: ast.AST, function: str, parents: tuple[ast.AST, ...]
) -> Iterator[tuple[str, ast.AST, tuple[ast.AST, ...]]]:
    """Every node that runs, with the name of its function and the nodes around it, the innermost last."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "format_spec"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_idle(child):
                continue
            name = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{function}.{child.name}".lstrip(".")
            yield name, child, (*parents, node)
            yield from _nodes(child, name, (*parents, node))


def _is_idle(node: ast.AST) -> bool:
    """Docstrings, imports, lists of public names, and what only a type checker reads."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        made = node.value.func if isinstance(node.value, ast.Call) else node.value
        return ast.unparse(node.targets[0]) == "__all__" or ast.unparse(made) in ("TypeVar", "ParamSpec")
    return isinstance(node, ast.Import | ast.ImportFrom)


def _of_expression(file: _File, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    match node:
        case ast.Compare(left, [operator, *_], [right, *_]):
            if change := file.between(left, right, *_COMPARISONS[type(operator)]):
                yield change
        case ast.BoolOp(operator, [first, second, *_]):
            old, new = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
            if change := file.between(first, second, old, new):
                yield change
        case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
            if change := file.between(left, right, *_ARITHMETIC[type(operator)]):
                yield change
        case ast.UnaryOp(ast.Not(), operand):
            yield (*file.span(node), f"({file.text(operand)})")
        case ast.Constant(value):
            if (other := _other_constant(value)) is not None and file.text(node) == repr(value):
                yield (*file.span(node), other)
            elif isinstance(value, str) and file.text(node) == f'"{value}"' and value:
                yield (*file.span(node), f'"{value}XX"')


def _other_constant(value: object) -> str | None:
    match value:
        case bool():
            return repr(not value)
        case int():
            return repr(value + 1)
        case float():
            return repr(value * 2 or 1.0)
    return None


def _of_condition(file: _File, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    tests: list[ast.expr] = []
    match node:
        case ast.If(test) | ast.While(test) | ast.IfExp(test):
            tests = [test]
        case ast.comprehension(ifs=ifs):
            tests = ifs
    for test in tests:
        # A comparison and a `not` are negated where they stand.
        if not isinstance(test, ast.Compare | ast.Constant) and not _is_not(test):
            yield (*file.span(test), f"not ({file.text(test)})")


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _of_call(file: _File, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield (*file.span(node.func), _CALLS[node.func.id])
    parts = sorted([*node.args, *node.keywords], key=file.span)
    for keyword in node.keywords:
        place = parts.index(keyword)
        start, end = file.span(keyword)
        if place:
            yield (file.span(parts[place - 1])[1], end, "")
        elif len(parts) == 1:
            yield (start, end, "")
        else:
            yield (start, file.span(parts[1])[0], "")


def _of_statement(file: _File, node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[int, int, str]]:
    match node:
        case ast.Break():
            yield (*file.span(node), "continue")
        case ast.Continue():
            yield (*file.span(node), "break")
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield (*file.span(node), "pass")
        case ast.Assign([ast.Attribute() | ast.Subscript(), *_]):
            yield (*file.span(node), "pass")
        case ast.Return() if isinstance(parents[-1], ast.If | ast.For | ast.While | ast.Try | ast.With):
            yield (*file.span(node), "pass")


def _joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
