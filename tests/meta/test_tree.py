"""The map of the tree in CONTRIBUTING shows what is there, on one screen."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Folders whose folders are shown one by one.
OPEN = ("python", "python/speechwire", "rust")
# What make, Cargo, Python and the demo leave behind.
LEFT_BEHIND = {"target", "dist", "site", "build", "demo-output", "__pycache__"}


def mapped() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The tree\n")[2]
    block = re.search(r"```\n(.*?)```", text, re.S)
    assert block
    return [line.split()[0] for line in block[1].splitlines()]


def folders() -> set[str]:
    found = [path for parent in ("", *OPEN) for path in (ROOT / parent).iterdir() if path.is_dir()]
    shown = [path for path in found if path.name not in LEFT_BEHIND and not path.name.startswith(".")]
    return {path.relative_to(ROOT).as_posix() for path in shown} - set(OPEN)


def test_the_map_shows_every_folder_and_nothing_else() -> None:
    lines = mapped()
    assert set(lines) == folders()
    assert len(lines) == len(set(lines)) <= 30


def test_contributing_names_every_distribution() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {path.parent.name for path in (ROOT / "python").glob("*/pyproject.toml")}
    assert [name for name in names if f"| `{name}` | `python/{name}` |" not in text] == []
