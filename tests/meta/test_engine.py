"""The engine that was tested is the one that was meant, and a broken one is never passed over in silence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from speechwire.audio import engine_name


def ask(engine: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "SPEECHWIRE_ENGINE"}
    if engine is not None:
        environment["SPEECHWIRE_ENGINE"] = engine
    code = "from speechwire.audio import engine_name; print(engine_name())"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_expected_engine_is_the_default() -> None:
    expected = os.environ.get("SPEECHWIRE_EXPECT_ENGINE")
    if expected is None:
        pytest.skip("SPEECHWIRE_EXPECT_ENGINE is not set: run `make test`")
    assert ask(None).stdout.strip() == expected


def test_numpy_can_be_forced() -> None:
    assert ask("numpy").stdout.strip() == "numpy"


def test_an_unknown_engine_is_refused_by_name() -> None:
    finished = ask("cuda")
    assert finished.returncode != 0
    assert "SPEECHWIRE_ENGINE" in finished.stderr
    assert "cuda" in finished.stderr


def test_this_process_runs_the_engine_it_says() -> None:
    assert engine_name() in {"native", "numpy"}
