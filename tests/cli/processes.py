"""Commands as real processes, on a terminal or not, without the half second of imports each."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.conftest import environment
from tests.cli.screen import shown

__all__ = ["Done", "Zygote", "zygotes"]

KEY = "a-key-of-the-tests"
PATIENCE_S = 60


@contextmanager
def zygotes() -> Iterator[Zygote]:
    """One, until the block ends."""
    zygote = Zygote()
    try:
        yield zygote
    finally:
        zygote.close()


@dataclass(frozen=True)
class Done:
    """What a command did: its exit code, and the lines of both of its outputs."""

    code: int
    out: list[str]
    err: list[str]


class Zygote:
    """Runs commands in forked processes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(DEEPGRAM_API_KEY=KEY, COLUMNS="200", TERM="xterm"),
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def run(self, arguments: Sequence[str], given: str, *, terminal: bool) -> Done:
        return self._on_terminal(arguments, given) if terminal else self._piped(arguments, given)

    def into_files(self, arguments: Sequence[str], given: str, output: str, error: str) -> int:
        """Run with standard output and standard error in files; returns the exit code."""
        return self._wait_for(arguments, given, output, error)

    def _piped(self, arguments: Sequence[str], given: str) -> Done:
        code = self._wait_for(arguments, given, ".out", ".err")
        out, err = (Path(name).read_text(encoding="utf-8").splitlines() for name in (".out", ".err"))
        for name in (".out", ".err"):
            Path(name).unlink()
        return Done(code, out, err)

    def _on_terminal(self, arguments: Sequence[str], given: str) -> Done:
        """Results come as lines of ``out`` if they look like JSON, all else as lines of ``err``."""
        master, slave = pty.openpty()
        written: list[bytes] = []
        reading = threading.Thread(target=_read_all, args=(master, written))
        reading.start()
        try:
            code = self._wait_for(arguments, given, os.ttyname(slave), os.ttyname(slave))
        finally:
            os.close(slave)
            reading.join(PATIENCE_S)
            os.close(master)
        lines = shown(b"".join(written).decode())
        out = [line for line in lines if line.startswith("{")]
        return Done(code, out, [line for line in lines if not line.startswith("{")])

    def _wait_for(self, arguments: Sequence[str], given: str, output: str, error: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        folder = os.getcwd()
        job = {
            "arguments": list(arguments),
            "input": given,
            "output": str(Path(folder, output)),
            "error": str(Path(folder, error)),
            "environment": {},
            "folder": folder,
        }
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        if not ready:
            self._process.kill()
            pytest.fail(f"no end of {arguments}")
        return int(self._process.stdout.readline())


def _read_all(master: int, written: list[bytes]) -> None:
    with suppress(OSError):  # EIO: the other side has been closed
        while piece := os.read(master, 65536):
            written.append(piece)
