"""The examples as a user starts them: two at a time, beside the tests, since they take real time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from examples.shared.voice import write_talk

ROOT = Path(__file__).resolve().parents[2]

Finished = Callable[[str], str]


def example(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DEEPGRAM_API_KEY"}
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = os.pathsep.join([str(ROOT), *(str(Path(path).resolve()) for path in inherited)])
    return subprocess.run(
        [sys.executable, "-m", f"examples.{name}", *map(str, arguments)],
        cwd=cwd,
        env=environment | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run and write."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="session")
def finished(folder: Path) -> Iterator[Finished]:
    """Starts all of them; returns the output of one when it has ended well."""
    (folder / "calls").mkdir()
    for number, line in enumerate(("can i see a doctor today", "can you help me please")):
        write_talk(folder / "calls" / f"{number}.wav", [line], rate=16_000 * (number + 1))
    # With a script where words are at stake: a busy machine recognises too late for a live conversation.
    arguments: dict[str, tuple[object, ...]] = {
        "agent": ("--engine", "scripted"),
        "captioner": ("--engine", "scripted", "--out", "talk.srt"),
        "barge_in": ("--after", 0.5),
        "many_calls": ("calls", "--quota", 1),
    }
    with ThreadPoolExecutor(2) as executor:
        work = {name: executor.submit(example, name, *given, cwd=folder) for name, given in arguments.items()}

        def finished(name: str) -> str:
            outcome = work[name].result()
            assert (outcome.returncode, outcome.stderr) == (0, ""), outcome.stdout
            return outcome.stdout

        yield finished
        executor.shutdown(cancel_futures=True)
