"""List the public names that nobody uses: no module of the tree, no example, no page of the documentation.

    python scripts/unused_names.py    # prints the list; the exit status is 1 if it is not empty

A name is public if it does not begin with an underscore: functions, classes and constants of a module, and
methods, properties, fields and attributes of a class. It is used if a module reads it, if an example, a
benchmark, a script, the server's page or the Rust binding names it, or if a page has it in backticks or in a
code block. A name that a package exports, or that belongs to a class that one exports, needs such a reader
outside its own module. Tests, imports, ``__all__``, the changelog, and arguments that only fill in a field do
not count. Names are compared without their owner: if any class has a method ``close`` that is called, every
``close`` counts as used.

``scripts/unused_names.toml`` lists names that stand all the same, with the reason. A name there that is used,
or is gone, is reported too.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
ARGUED = Path(__file__).with_suffix(".toml")
PROGRAMS = ("examples", "benches", "scripts")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.S)
WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, order=True)
class Name:
    """A public name: the file below ``python``, the class it belongs to (or ""), and the name itself."""

    path: str
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}: {f'{self.owner}.' if self.owner else ''}{self.name}"


@dataclass
class Tree:
    """What the tree defines, which files use which name, and which names the packages export."""

    names: list[Name] = field(default_factory=list)
    readers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    exported: set[tuple[str, str]] = field(default_factory=set)  # with the package's folder

    def read_by(self, path: str, names: Iterable[str]) -> None:
        """Note that a file uses names."""
        for name in names:
            self.readers[name].add(path)

    def unused(self) -> list[Name]:
        """The names without a reader, in order."""
        return sorted(set(filter(self._is_unused, self.names)))

    def _is_unused(self, name: Name) -> bool:
        return not self.readers[name.name] - ({name.path} if self._is_exported(name) else set())

    def _is_exported(self, name: Name) -> bool:
        packages = [parent.as_posix() for parent in PurePosixPath(name.path).parents]
        return any((package, name.owner or name.name) in self.exported for package in packages)


def defined(tree: ast.Module, path: str) -> Iterator[Name]:
    """What a module defines, the members of its classes included."""
    for node in tree.body:
        yield from (Name(path, "", name) for name in bound(node))
        if isinstance(node, ast.ClassDef):
            yield from (Name(path, node.name, name) for name in members(node))


def members(node: ast.ClassDef) -> set[str]:
    """What the body of a class binds, and what its methods set on ``self``."""
    of_self = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and is_self(each.value)
    }
    return {name for each in node.body for name in bound(each)} | set(filter(is_public, of_self))


def is_self(node: ast.expr) -> bool:
    """Whether an expression is ``self``."""
    return isinstance(node, ast.Name) and node.id == "self"


def is_public(name: str) -> bool:
    """Whether a name is meant for others."""
    return not name.startswith("_")


def bound(node: ast.stmt) -> list[str]:
    """The public names that a statement of a module or a class binds; imports bind none of their own."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        names = [node.name]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
    return list(filter(is_public, names))


def read(tree: ast.Module) -> Iterator[str]:
    """The variables and attributes that a module reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr


def exports(tree: ast.Module) -> list[str]:
    """What a package lists in ``__all__``."""
    lists = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)
    ]
    return [name for each in lists for name in ast.literal_eval(each)]


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(root: Path, tree: Tree) -> None:
    """Read the distributions: what they define, read and export."""
    for path in sorted((root / "python").rglob("*.py")):
        module, shown = parsed(path), path.relative_to(root / "python").as_posix()
        tree.names += defined(module, shown)
        tree.read_by(shown, read(module))
        if path.name == "__init__.py":
            package = path.parent.relative_to(root / "python").as_posix()
            tree.exported.update((package, name) for name in exports(module))


def programs(root: Path, tree: Tree) -> None:
    """Read the programs beside the distributions, whose arguments are what a user would set."""
    for path in sorted(path for folder in PROGRAMS for path in (root / folder).rglob("*.py")):
        module = parsed(path)
        arguments = [node.arg for node in ast.walk(module) if isinstance(node, ast.keyword) and node.arg]
        tree.read_by(str(path), [*read(module), *arguments])


def texts(root: Path, tree: Tree) -> None:
    """Read the code on the pages, the server's page, and the Rust binding."""
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "python").rglob("*.md")]
    for path in pages:
        if path.name != "CHANGELOG.md":
            code = " ".join(CODE.findall(path.read_text(encoding="utf-8")))
            tree.read_by(str(path), WORD.findall(code))
    for path in [*(root / "python").rglob("*.js"), *(root / "rust" / "py").rglob("*.rs")]:
        tree.read_by(str(path), WORD.findall(path.read_text(encoding="utf-8")))


def unused(root: Path = ROOT) -> list[str]:
    """The names of a tree that nobody uses, as they are printed."""
    tree = Tree()
    for part in (modules, programs, texts):
        part(root, tree)
    return list(map(str, tree.unused()))


def argued(path: Path = ARGUED) -> list[str]:
    """The names that stand although nothing in the tree uses them."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["group"]
    return [name for group in groups for name in group["names"]]


def complaints(found: list[str], excused: list[str]) -> list[str]:
    """What is used by nobody and not argued for, and what is argued for in vain."""
    return [
        *(f"{name}: nobody uses it" for name in found if name not in excused),
        *(f"{name}: in {ARGUED.name}, but used or gone" for name in excused if name not in found),
    ]


def main() -> int:
    """Print the complaints; return the exit status."""
    lines = complaints(unused(), argued())
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
