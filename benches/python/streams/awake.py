"""Keeps cores from falling asleep, with a loop that gives way to anybody else at once.

A virtual core with nothing to do is taken from the machine, and being woken costs a process up to 200 us
of its CPU time: clocks, caches, the hypervisor. A client that works a little every few milliseconds pays
that each time, and the less it does the larger the share. Benchmarks of bare machines switch sleep states
off; a loop at the lowest priority does the same for a guest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["kept_awake"]

_LIMIT_S = 600.0
_LOOK_EVERY = 1_000_000


@contextmanager
def kept_awake() -> Iterator[None]:
    """All cores of this machine, while the block runs; Linux."""
    with ExitStack() as stack:
        for core in sorted(os.sched_getaffinity(0)):
            command = [sys.executable, "-m", __spec__.name, "--core", str(core)]
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


def main() -> None:
    """Spin on a core until the parent is gone, or for ten minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, required=True)
    os.sched_setaffinity(0, {parser.parse_args().core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent, end_s = os.getppid(), time.monotonic() + _LIMIT_S
    while os.getppid() == parent and time.monotonic() < end_s:
        for _ in range(_LOOK_EVERY):
            pass


if __name__ == "__main__":
    main()
