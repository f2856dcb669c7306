"""The project's own bookkeeping: one version, no stray package files, no secrets of the workshop."""

from __future__ import annotations

import ast
import statistics
import tomllib
from pathlib import Path

import speechwire

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "python").rglob("*.py"))


def function_lengths() -> list[int]:
    return [
        node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    crate = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert speechwire.__version__ == project == crate


def test_the_namespace_packages_stay_namespaces() -> None:
    # One __init__.py here would hide every other plugin of the framework.
    for namespace in ("videosdk", "livekit-plugins-speechwire/livekit"):
        folder = ROOT / "python" / namespace
        assert folder.is_dir()
        assert not (folder / "__init__.py").exists()
        assert not (folder / "plugins" / "__init__.py").exists()


def test_functions_and_files_stay_small() -> None:
    lengths = sorted(function_lengths())
    assert statistics.median(lengths) < 10
    assert lengths[int(len(lengths) * 0.9)] <= 35
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES) <= 500
