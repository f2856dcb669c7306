"""The command line and the pytest plugin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from speechwire.emulator import Emulator
from speechwire.emulator.cli import main

# As a module: importing the fixtures by name would let each test's argument shadow them.
pytest_plugins = ["speechwire.emulator.pytest_plugin"]


def test_command_line_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(
        json.dumps({"steps": [{"start_s": 0.1, "text": "Hello.", "end_s": 0.5}], "period_s": 2})
    )
    command = [sys.executable, "-m", "speechwire.emulator", "--port", "0", "--engine", "scripted"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*command, "--script", str(script)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout
        url = process.stdout.readline().decode().strip()
        with urlopen(url.replace("ws://", "http://") + "/_emulator") as response:
            assert json.load(response)["engine"] == "scripted"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "loopback"),
        (["--script", "missing.json"], "missing.json"),
    ],
)
def test_command_line_errors_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--engine", "scripted", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_plugin_without_any_asyncio_in_the_test(deepgram_emulator: Emulator) -> None:
    with urlopen(deepgram_emulator.http_url + "/_emulator") as response:
        assert json.load(response)["total"] == 0


def test_plugin_makes_emulators_to_order(
    make_deepgram_emulator: Callable[..., Emulator],
) -> None:
    first, second = make_deepgram_emulator(), make_deepgram_emulator("scripted", keys={"k"})
    assert first.base_url != second.base_url
