"""A package of a few lines, whose code is changed."""

from __future__ import annotations

import textwrap
from pathlib import Path

from scripts.mutants.parts import Part

ROOT = Path(__file__).resolve().parents[2]
TINY = {"tiny": Part(("python/tiny",), ("tests/tiny",))}

COUNTING = '''
"""Counts."""

from __future__ import annotations

LIMIT = 3


def small(number: int) -> bool:
    """Whether it is."""
    return number < LIMIT


def total(numbers: list[int]) -> int:
    seen = 0
    for number in numbers:
        if number < 0:
            continue
        seen += number
    return seen
'''
TESTS = """
from tiny.counting import small, total


def test_small() -> None:
    assert small(2)
    assert not small(3)


def test_total() -> None:
    assert total([1, 2]) == 3
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
