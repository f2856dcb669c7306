"""The range of Pipecat's versions that the distribution states is what is tested."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_tested_is_what_is_stated() -> None:
    project = tomllib.loads((ROOT / "python/pipecat-speechwire/pyproject.toml").read_text(encoding="utf-8"))
    [stated] = [each for each in project["project"]["dependencies"] if each.startswith("pipecat-ai")]
    oldest, beyond = re.fullmatch(r"pipecat-ai>=([\d.]+),<([\d.]+)", stated).groups()  # type: ignore[union-attr]
    pinned = (ROOT / "requirements/pipecat.in").read_text(encoding="utf-8")
    assert f"pipecat-ai[deepgram]=={oldest}.0\n" in pinned
    assert f"PIPECAT_RANGE := pipecat-ai[deepgram]>={oldest},<{beyond}\n" in (ROOT / "Makefile").read_text(
        encoding="utf-8"
    )
    installed = tuple(map(int, version("pipecat-ai").split(".")[:2]))
    assert tuple(map(int, oldest.split("."))) <= installed < tuple(map(int, beyond.split(".")))
