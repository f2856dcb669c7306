"""The processes of a run: how they are started, what they take, and what they tell over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["cpu_s", "get", "get_json", "metric", "private_kib", "started", "versions", "waited_s"]


@contextmanager
def started(
    command: list[str], core: int | None = None, *, python: str = sys.executable, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python module as a process, on a core if one is given, and the first line it prints."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(
        [*pinned, python, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{command[0]} did not start")
        yield process, line
    finally:
        process.stdin.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_s(pid: int) -> float:
    """CPU time of a process, all its threads."""
    return _schedule(pid, 0)


def waited_s(pid: int) -> float:
    """How long its threads were ready to run and did not get to, in seconds."""
    return _schedule(pid, 1)


def _schedule(pid: int, field: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[field]) for thread in threads) / 1e9


def private_kib(pid: int) -> int:
    """Memory of a process that is nobody else's, whatever else runs on the machine."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Anonymous:")))


def metric(port: int, name: str) -> float:
    """A number of ``/metrics`` that has no labels."""
    lines = get(port, "/metrics").decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def versions(python: str, packages: Sequence[str]) -> str:
    """Which of these an interpreter has, in words; empty where there is no such interpreter."""
    script = (
        "import sys; from importlib.metadata import distributions;"
        "found = {d.metadata['Name'].lower(): d.version for d in distributions()};"
        "print(', '.join(f'{name} {found[name]}' for name in sys.argv[1:] if name in found))"
    )
    if not Path(python).exists():
        return ""
    done = subprocess.run([python, "-c", script, *packages], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def get(port: int, path: str) -> bytes:
    """The body of an answer on loopback. Blocks."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        body: bytes = response.read()
    return body


def get_json(port: int, path: str) -> Any:
    """The same, decoded."""
    return json.loads(get(port, path))
