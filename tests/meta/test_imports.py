"""The import table: who may import whom, executed.

Bytes go in at one end and events come out at the other; every package stands at one place on that line and
imports only leftwards. A rule that is not executed is a wish.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scripts.distributions import DISTRIBUTIONS

ROOT = Path(__file__).resolve().parents[2]
TREES = [ROOT / distribution.sources for distribution in DISTRIBUTIONS]

CLOCKS_AND_SOCKETS = frozenset({"asyncio", "time", "socket", "threading", "ssl", "selectors"})


@dataclass(frozen=True)
class Rule:
    """What one package may import beside itself and the standard library."""

    ours: frozenset[str] = frozenset()
    third_party: frozenset[str] = frozenset()
    not_even: frozenset[str] = frozenset()  # of the standard library


RULES = {
    "speechwire.errors": Rule(not_even=CLOCKS_AND_SOCKETS),
    "speechwire._version": Rule(not_even=CLOCKS_AND_SOCKETS),
    "speechwire.audio": Rule(
        ours=frozenset({"speechwire.errors"}),
        third_party=frozenset({"numpy"}),
        not_even=frozenset({"asyncio", "socket", "ssl"}),
    ),
    "speechwire.protocol": Rule(
        ours=frozenset({"speechwire.errors"}),
        third_party=frozenset({"msgspec"}),
        not_even=CLOCKS_AND_SOCKETS,
    ),
    "speechwire.transport": Rule(ours=frozenset({"speechwire.errors"})),
    "speechwire.session": Rule(
        ours=frozenset(
            {"speechwire.errors", "speechwire.audio", "speechwire.protocol", "speechwire.transport"}
        ),
        third_party=frozenset({"msgspec"}),
    ),
    "speechwire.cluster": Rule(
        ours=frozenset({"speechwire.errors", "speechwire.session"}), third_party=frozenset({"redis"})
    ),
    "speechwire.emulator": Rule(
        ours=frozenset({"speechwire.errors", "speechwire.audio"}),
        third_party=frozenset({"aiohttp", "numpy", "pocketsphinx", "espeakng_loader", "pytest"}),
    ),
    "speechwire.server": Rule(
        ours=frozenset(
            {
                "speechwire.errors",
                "speechwire.audio",
                "speechwire.protocol",
                "speechwire.session",
                "speechwire.cluster",
            }
        ),
        third_party=frozenset({"aiohttp", "msgspec", "jwt", "cryptography", "prometheus_client", "redis"}),
    ),
    "speechwire.load": Rule(ours=frozenset({"speechwire.errors"})),
    "speechwire.server.own_socket": Rule(
        ours=frozenset({"speechwire.errors", "speechwire.server"}),
        third_party=frozenset({"msgspec"}),
        not_even=CLOCKS_AND_SOCKETS,
    ),
    "speechwire.client": Rule(
        ours=frozenset(
            {
                "speechwire.errors",
                "speechwire.transport",
                "speechwire.session",
                "speechwire.server.own_socket",
            }
        ),
        third_party=frozenset({"msgspec"}),
        not_even=frozenset({"socket", "ssl"}),
    ),
    "speechwire.cli": Rule(
        ours=frozenset(
            {
                "speechwire.server",
                "speechwire.load",
                "speechwire",
                "speechwire.errors",
                "speechwire.audio",
                "speechwire.protocol",
                "speechwire.transport",
                "speechwire.session",
                "speechwire.emulator",
            }
        ),
        third_party=frozenset({"click", "rich", "numpy"}),
    ),
    "speechwire.__main__": Rule(ours=frozenset({"speechwire.cli"})),
    "livekit.plugins.speechwire": Rule(
        ours=frozenset(
            {
                "speechwire.errors",
                "speechwire.audio",
                "speechwire.protocol",
                "speechwire.session",
                "speechwire.transport",
            }
        ),
        third_party=frozenset({"livekit"}),
        not_even=frozenset({"socket", "ssl", "threading"}),
    ),
    "videosdk.plugins.deepgram": Rule(
        ours=frozenset(
            {
                "speechwire",
                "speechwire.errors",
                "speechwire.audio",
                "speechwire.protocol",
                "speechwire.session",
            }
        ),
        third_party=frozenset({"videosdk"}),
        not_even=frozenset({"socket", "ssl"}),
    ),
    "pipecat_speechwire": Rule(
        ours=frozenset(
            {
                "speechwire.errors",
                "speechwire.audio",
                "speechwire.protocol",
                "speechwire.session",
            }
        ),
        third_party=frozenset({"pipecat", "loguru", "msgspec"}),
        not_even=frozenset({"socket", "ssl"}),
    ),
}

# The one file of a package that may import more than the rest of it.
ONLY_HERE = {
    "speechwire.audio._select": frozenset({"speechwire._native"}),
    "speechwire.transport._aiohttp": frozenset(
        {"aiohttp", "aiohttp.client_proto", "aiohttp.http_exceptions", "yarl"}
    ),
    "speechwire.transport._dial": frozenset(
        {"aiohappyeyeballs", "python_socks", "python_socks.async_.asyncio"}
    ),
    "speechwire.transport._picows": frozenset({"picows"}),
    "speechwire.transport._picows_connection": frozenset({"picows"}),
    "speechwire.cli._pyav": frozenset({"av"}),
    "speechwire.server._picows_protocol": frozenset({"picows", "picows.picows"}),
    "speechwire.server._picows_socket": frozenset({"picows", "speechwire.transport._fragments"}),
    "speechwire.server._quota": frozenset({"redis.asyncio", "speechwire.cluster"}),
}

MODULES = sorted(path for one in DISTRIBUTIONS for path in (ROOT / one.sources / one.package).rglob("*.py"))


def module_name(path: Path) -> str:
    tree = max((tree for tree in TREES if path.is_relative_to(tree)), key=lambda tree: len(tree.parts))
    parts = list(path.relative_to(tree).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str | None:
    owners = [name for name in RULES if module == name or module.startswith(name + ".")]
    return max(owners, key=len, default=None)


def imports(path: Path) -> Iterator[str]:
    module = module_name(path)
    anchor = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in run_time_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from from_imports(node, anchor)


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from run_time_nodes(ast.Module(node.orelse, []))
        else:
            yield node
            yield from run_time_nodes(node)


def from_imports(node: ast.ImportFrom, anchor: str) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        above = anchor.split(".")[: len(anchor.split(".")) - node.level + 1]
        base = ".".join([*above, base]) if base else ".".join(above)
    submodules = [f"{base}.{alias.name}" for alias in node.names if is_module(f"{base}.{alias.name}")]
    yield from submodules or [base]


def is_module(dotted: str) -> bool:
    paths = [tree.joinpath(*dotted.split(".")) for tree in TREES]
    return dotted == "speechwire._native" or any(
        path.with_suffix(".py").exists() or (path / "__init__.py").exists() for path in paths
    )


def offence(module: str, target: str) -> str | None:
    """Say why ``module`` may not import ``target``, or None if it may."""
    package = package_of(module)
    if package is None:
        return None  # the distribution's own facade: re-exports only, checked by test_exports
    rule = RULES[package]
    if target in ONLY_HERE.get(module, frozenset()):
        return None
    root = target.partition(".")[0]
    if root in sys.stdlib_module_names or root == "__future__":
        return f"{package} must stay without {root}" if root in rule.not_even else None
    if package_of(target) == package:
        return None
    if root == "speechwire":
        owner = package_of(target) or target
        return None if owner in rule.ours else f"{package} may not import {owner}"
    return None if root in rule.third_party else f"{package} may not import {root}"


def test_the_table_covers_every_package() -> None:
    owners = {package_of(module_name(path)) for path in MODULES} - {None}
    assert owners >= {name for name in RULES if not name.endswith("_version")}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_follow_the_table(path: Path) -> None:
    module = module_name(path)
    offences = [f"{target}: {why}" for target in imports(path) if (why := offence(module, target))]
    assert offences == []


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("speechwire.protocol.listen_v2", "asyncio"),
        ("speechwire.protocol.listen_v2", "speechwire.audio"),
        ("speechwire.audio._engine_np", "speechwire._native"),
        ("speechwire.transport.base", "aiohttp"),
        ("speechwire.transport.base", "speechwire.protocol"),
        ("speechwire.session.stt", "videosdk.agents"),
        ("speechwire.emulator.server", "speechwire.protocol"),
        ("livekit.plugins.speechwire.stt", "aiohttp"),
        ("livekit.plugins.speechwire.stt", "msgspec"),
        ("videosdk.plugins.deepgram.stt", "aiohttp"),
        ("videosdk.plugins.deepgram.stt", "numpy"),
        ("videosdk.plugins.deepgram.stt", "speechwire.transport"),
        ("pipecat_speechwire.stt", "aiohttp"),
        ("pipecat_speechwire.stt", "deepgram"),
        ("pipecat_speechwire.stt", "speechwire.transport"),
    ],
)
def test_the_check_can_fail(module: str, target: str) -> None:
    assert offence(module, target) is not None
