"""Every Python block of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"(?P<excuse><!-- not run: [^\n]+-->\n)?"
    r"```python\n(?P<code>.*?)```\n"
    r"(?:\n```output\n(?P<output>.*?)```\n)?",
    re.S,
)
BLOCKS = list(BLOCK.finditer(README))


def test_there_are_blocks_and_each_is_run_or_excused() -> None:
    assert len(BLOCKS) == README.count("```python\n") >= 3
    assert all(block["excuse"] or block["output"] for block in BLOCKS)


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if not block["excuse"]], ids=lambda b: b["output"].strip()
)
def test_it_prints_what_it_says(block: re.Match[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", block["code"]], capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.stderr == ""
    assert finished.stdout == block["output"]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_it_compiles(block: re.Match[str]) -> None:
    compile(block["code"], "README.md", "exec")
