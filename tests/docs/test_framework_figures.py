"""The tables of what LiveKit's and Pipecat's plugins cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from benches.python.streams.result import Result

from scripts import framework_figures as figures

NAMES = ("livekit_speechwire_v2", "livekit_v2", "livekit_speechwire_v1", "livekit_v1")


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "frameworks.json"
    monkeypatch.setattr(figures, "REPORT", path)
    return path


def measured(*results: Result) -> str:
    return json.dumps([asdict(result) for result in results])


def test_rounds_are_a_median_and_a_range(report: Path) -> None:
    runs = [Result(name, 50, 1.0, cpu_ms=cpu_ms) for name in NAMES for cpu_ms in (3.0, 1.0, 2.5)]
    report.write_text(measured(*runs), encoding="utf-8")
    row = figures.livekit_cost().splitlines()[2]
    assert row == "| 50 | " + " | ".join(["2.5 (1.0–3.0)"] * 4) + " |"


def test_who_fell_behind_and_who_was_wrong_is_said(report: Path) -> None:
    runs = [
        Result(NAMES[0], 50, 1.0, cpu_ms=1.0),
        Result(NAMES[1], 50, 1.0, cpu_ms=4.0, behind_s=2.0, faults=["late, so something is missing"]),
        Result(NAMES[2], 50, 1.0, cpu_ms=1.0, faults=["2 results were sent, 1 delivered"]),
        Result(NAMES[3], 50, 1.0, cpu_ms=4.0),
        *(Result(name, 200, 1.0, cpu_ms=1.0) for name in (NAMES[0], NAMES[2], NAMES[3])),
    ]
    report.write_text(measured(*runs), encoding="utf-8")
    few, many = figures.livekit_cost().splitlines()[2:]
    assert few == "| 50 | 1.0 | 4.0, 2.0 s behind | 1.0 (**wrong**: 2 results were sent, 1 delivered) | 4.0 |"
    assert many == "| 200 | 1.0 | not tried: fell behind with fewer | 1.0 | 1.0 |"


def test_a_client_that_was_not_measured_is_named(report: Path) -> None:
    report.write_text(measured(*(Result(name, 50, 1.0) for name in NAMES[1:])), encoding="utf-8")
    with pytest.raises(KeyError, match="no livekit_speechwire_v2 at 50 streams"):
        figures.livekit_cost()


def test_a_tree_without_the_report_says_so(report: Path) -> None:
    assert figures.livekit_cost() == figures.pipecat_cost() == "Not measured in this tree.\n"
