"""Docstrings as the site shows them: roles and literal blocks in Markdown, structs with signatures."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from griffe import Alias, Attribute, Extension, Function, Parameter, ParameterKind, Parameters  # type: ignore[import-not-found]

_ERRORS = Path(__file__).resolve().parents[1] / "python" / "speechwire" / "errors.py"
_EXCEPTIONS = [
    node.name for node in ast.parse(_ERRORS.read_text("utf-8")).body if isinstance(node, ast.ClassDef)
]
_ROLE = re.compile(r":(?:class|meth|attr|data|mod|func|exc):`~?(?P<target>[^`]+)`")
# The line that announces a literal block, the blank line, and the indented lines.
_LITERAL_BLOCK = re.compile(r"^(?P<before>[^\n]*?):?:\n\n(?P<block>(?:[ \t]+\S[^\n]*\n?|\n(?=[ \t]))+)", re.M)
# Names of msgspec structs' bases: a struct's arguments are its fields, as a dataclass's are.
_STRUCT_BASES = ("msgspec.Struct", "Message", "Options")
_EXTRA = (Parameter("extra", annotation="Extra", kind=ParameterKind.keyword_only, default="()"),)


class MarkdownDocstrings(Extension):  # type: ignore[misc]
    """Rewrites every docstring before it is parsed, and gives structs their signatures."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Rewrite one object's docstring."""
        if not obj.is_alias and obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)

    def on_class(self, *, cls: Any, **_: Any) -> None:
        """Add the constructor that msgspec makes, or that ``__new__`` is."""
        bases = {str(base) for base in cls.bases}
        if "__init__" in cls.members:
            return
        if "__new__" in cls.members:
            cls.set_member("__init__", _function(cls, list(cls.members["__new__"].parameters)))
        elif bases.intersection(_STRUCT_BASES):
            cls.set_member(
                "__init__", _function(cls, [*_fields(cls), *(_EXTRA if "Options" in bases else ())])
            )

    def on_package(self, *, pkg: Any, **_: Any) -> None:
        """Let every module know the exceptions, so that each ``Raises`` becomes a link."""
        for module in _modules(pkg):
            for name in _EXCEPTIONS:
                if name not in module.members:
                    module.imports[name] = f"speechwire.errors.{name}"
                    module.set_member(name, Alias(name, f"speechwire.errors.{name}"))


def to_markdown(docstring: str) -> str:
    """Return ``docstring`` with roles as code and literal blocks as fenced ones."""
    text = _ROLE.sub(lambda role: f"`{role['target'].removeprefix('speechwire.')}`", docstring)
    return _LITERAL_BLOCK.sub(_fenced, text.replace("``", "`"))


def _modules(package: Any) -> Iterator[Any]:
    yield package
    for module in package.modules.values():
        if not module.is_alias:
            yield from _modules(module)


def _function(cls: Any, parameters: list[Any]) -> Any:
    return Function("__init__", parameters=Parameters(*parameters), returns="None", parent=cls)


def _fields(cls: Any) -> list[Any]:
    return [_parameter(member.name, member) for member in cls.members.values() if _is_field(member)]


def _is_field(member: Any) -> bool:
    annotated = isinstance(member, Attribute) and member.annotation is not None
    return annotated and not member.name.startswith("_") and "class-attribute" in member.labels


def _parameter(name: str, field: Any) -> Any:
    return Parameter(name, annotation=field.annotation, kind=ParameterKind.keyword_only, default=field.value)


def _fenced(found: re.Match[str]) -> str:
    code = textwrap.dedent(found["block"]).rstrip("\n")
    language = "text" if re.search("[─▶├]", code) else "python"
    before = f"{found['before']}:\n\n" if found["before"].strip() else ""
    return f"{before}```{language}\n{code}\n```\n\n"
