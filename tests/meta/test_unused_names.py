"""No public name stands for nobody; see ``scripts/unused_names.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import unused_names

MODULE = """
LIMIT = 3
SPARE = 4

class Counter:
    limit: int = LIMIT

    def count(self) -> int:
        self.total = 1
        return self.limit

    def reset(self) -> None: ...

class _Inner:
    spare_part = 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package that exports `Counter`, and a page that tells of `count`."""
    package = tmp_path / "python" / "counting"
    package.mkdir(parents=True)
    (package / "_counter.py").write_text(MODULE, encoding="utf-8")
    (package / "__init__.py").write_text(
        'from counting._counter import Counter\n\n__all__ = ["Counter"]\n', encoding="utf-8"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "counter.md").write_text("`Counter().count()` says reset, SPARE.", encoding="utf-8")
    return tmp_path


def test_what_nobody_uses_is_found(tree: Path) -> None:
    path = "counting/_counter.py"
    # LIMIT is read by its own module, which is enough for what is not exported; `limit` belongs to what is.
    assert unused_names.unused(tree) == [
        f"{path}: SPARE",
        f"{path}: Counter.limit",
        f"{path}: Counter.reset",
        f"{path}: Counter.total",
        f"{path}: _Inner.spare_part",
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("examples/one.py", "counter.reset()"),
        ("python/counting/other.py", "print(counter.reset)"),
        ("docs/counter.md", "Call `reset()`."),
    ],
)
def test_a_reader_takes_it_off_the_list(tree: Path, place: str, text: str) -> None:
    (tree / place).parent.mkdir(exist_ok=True)
    (tree / place).write_text(text, encoding="utf-8")
    assert "counting/_counter.py: Counter.reset" not in unused_names.unused(tree)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("tests/test_one.py", "counter.reset()"),
        ("CHANGELOG.md", "`reset` is new."),
        ("python/counting/other.py", "from counting._counter import reset\ncounter.reset = 1\nMake(reset=1)"),
    ],
)
def test_what_is_no_reader(tree: Path, place: str, text: str) -> None:
    (tree / place).parent.mkdir(exist_ok=True)
    (tree / place).write_text(text, encoding="utf-8")
    assert "counting/_counter.py: Counter.reset" in unused_names.unused(tree)


def test_an_argument_in_vain_is_a_complaint() -> None:
    told = unused_names.complaints(["a.py: x", "a.py: y"], ["a.py: y", "a.py: z"])
    assert told == ["a.py: x: nobody uses it", "a.py: z: in unused_names.toml, but used or gone"]


def test_every_public_name_has_a_reader_or_a_reason() -> None:
    assert unused_names.complaints(unused_names.unused(), unused_names.argued()) == []
