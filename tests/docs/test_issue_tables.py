"""The pages' tables of others' issues name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def named(framework: str) -> set[str]:
    page = (ROOT / "docs" / f"{framework}.md").read_text(encoding="utf-8")
    table = page.partition(" issues that do not occur here\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(test_\w+)`", table))


def defined(framework: str) -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests" / framework).glob("test_*.py"))
    return {name for source in sources for name in re.findall(r"^(?:async )?def (test_\w+)\(", source, re.M)}


@pytest.mark.parametrize("framework", ["livekit", "pipecat"])
def test_every_test_of_the_table_exists(framework: str) -> None:
    assert len(named(framework)) > 10
    assert named(framework) - defined(framework) == set()


@pytest.mark.parametrize("framework", ["livekit", "pipecat"])
def test_every_issue_of_the_table_is_named_once(framework: str) -> None:
    page = (ROOT / "docs" / f"{framework}.md").read_text(encoding="utf-8")
    table = page.partition(" issues that do not occur here\n")[2].partition("\n## ")[0]
    issues = re.findall(r"#\d+", table)
    assert sorted(issues) == sorted(set(issues))
