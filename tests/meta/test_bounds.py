"""No test can take the machine: the bounds of the suite, each run into on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not bound memory")


@linux
def test_what_eats_memory_gets_an_error() -> None:
    with pytest.raises(MemoryError):
        bytearray(5 << 30)


@linux
def test_so_does_a_process_that_a_test_starts() -> None:
    eating = [sys.executable, "-c", "bytearray(5 << 30)"]
    done = subprocess.run(eating, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "MemoryError")


def test_what_hangs_where_no_signal_is_heard_ends_the_run(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """As native code does that never comes back; Python's own loops are ended by the limit of each test."""
    assert 0 < float(pytestconfig.getini("timeout")) < float(pytestconfig.getini("faulthandler_timeout"))
    assert pytestconfig.getini("faulthandler_exit_on_timeout") is True
    hanging = tmp_path / "test_hanging.py"
    hanging.write_text(
        "import signal, time\n"
        "def test_hanging():\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\n"
        "    time.sleep(600)\n"
    )
    bounds = ["-o", "timeout=0.2", "-o", "faulthandler_timeout=1", "-o", "faulthandler_exit_on_timeout=true"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        *bounds,
        str(hanging),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "in test_hanging" in done.stderr
    assert "1 failed" not in done.stdout
