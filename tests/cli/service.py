"""What the tests of the commands that use a service share."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import (
    command,
    default_signals,
    environment,
    header,
    riff,
)

NOWHERE = "ws://127.0.0.1:1"


def silence(name: str, seconds: float = 4.0) -> Path:
    """A recording of it at 8 kHz, mono."""
    path = Path(name)
    path.write_bytes(riff(header(1, 16, 1, 8000), bytes(int(seconds * 8000) * 2)))
    return path


def written(name: str) -> str:
    """What is in a file so far."""
    path = Path(name)
    return path.read_text() if path.exists() else ""


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def started(
    *arguments: object, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
) -> subprocess.Popen[bytes]:
    """A command as a process of its own that takes signals, with these ends of pipes."""
    return subprocess.Popen(
        command(*arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environment(),
        preexec_fn=default_signals,
    )
