"""What deploy/ says of the server is true of the server; the schemas are checked by ``make deployments``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from speechwire.server.config import PREFIX, settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())


def texts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in FILES)


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(rf"{PREFIX}\w+", texts()))
    assert len(named) >= 8
    assert named <= {row.variable for row in settings()}


@pytest.mark.parametrize(
    ("file", "limit"),
    [
        ("kubernetes/deployment.yaml", r"terminationGracePeriodSeconds: (\d+)"),
        ("speechwire.service", r"TimeoutStopSec=(\d+)"),
    ],
)
def test_nothing_is_killed_before_its_calls_have_ended(file: str, limit: str) -> None:
    (seconds,) = re.findall(limit, (FOLDER / file).read_text(encoding="utf-8"))
    (drain_s,) = (row.default for row in settings() if row.name == "drain_s")
    assert int(seconds) >= drain_s + 5 + 30


def test_the_composed_servers_stop_after_their_calls() -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    (minutes,) = re.findall(r"stop_grace_period: (\d+)m", text)
    (drain_s,) = re.findall(r'DRAIN_S: "(\d+)"', text)
    assert 60 * int(minutes) >= int(drain_s) + 30


def test_no_secret_is_written_down() -> None:
    for line in texts().splitlines():
        if re.search(r"API_KEY|SECRET|PASSWORD", line) and ":" in line:
            value = line.split(":", 1)[1].strip()
            assert value == '""' or value.startswith("${") or not re.search(r"^[\"']?\w{12,}", value), line
