"""Every Python block of the README and of the documentation runs, and prints what it says it prints.

A block is followed by a block of its output, or preceded by a comment that says why it is not run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "python").glob("**/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCED = re.compile(
    r"(?P<excuse><!-- not run: [^\n]+-->\n)?"
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n```output\n(?P<output>.*?)^```\n)?",
    re.S | re.M,
)


class Block(NamedTuple):
    """One block of code and what is said about it."""

    name: str
    code: str
    excuse: str | None
    output: str | None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT)
    found = [
        Block(
            f"{name}:{text.count(chr(10), 0, block.start('code')) + 1}",
            *block.group("code", "excuse", "output"),
        )
        for block in FENCED.finditer(text)
    ]
    assert len(found) == len(re.findall(r"^\s*```py", text, re.M)), f"{name} has a block of another form"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
named = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)


def test_the_pages_have_blocks_that_run() -> None:
    pages = {block.name.partition(":")[0] for block in BLOCKS if block.output}
    assert {"README.md", "python/README.md", "docs/quickstart.md", "docs/recovery.md"} <= pages


@named
def test_it_says_what_it_prints_or_why_it_is_not_run(block: Block) -> None:
    assert bool(block.output) != bool(block.excuse)


@named
def test_it_compiles(block: Block) -> None:
    compile(block.code, block.name, "exec")


@pytest.mark.parametrize("block", [b for b in BLOCKS if not b.excuse], ids=lambda block: block.name)
def test_it_prints_what_it_says(block: Block, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", block.code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert finished.stderr == ""
    assert finished.stdout == block.output
