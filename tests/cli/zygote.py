"""Real processes without the half second of imports: what has imported everything forks one for each command.

Run as ``python -m tests.cli.zygote``; reads a JSON object for each command from standard input, answers with
its exit code on a line.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

MODULES = ("_application", "convert", "transcribe", "speak", "doctor", "_pyav", "_ffmpeg")


def serve() -> None:
    """Until standard input ends."""
    for name in MODULES:
        importlib.import_module(f"speechwire.cli.{name}")
    for library in ("av", "picows"):
        if importlib.util.find_spec(library):
            importlib.import_module(library)
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)


def run(job: Mapping[str, Any]) -> int:
    """Fork, run a command, and wait for it."""
    child = os.fork()
    if not child:
        os._exit(be(job))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def be(job: Mapping[str, Any]) -> int:
    """Become the command."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    redirect([job["input"], job["output"], job["error"]])
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    main = importlib.import_module("speechwire.cli").main
    code = int(main(job["arguments"]))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def redirect(paths: Sequence[str]) -> None:
    """Standard input, output and error are these files from here on."""
    for number, path in enumerate(paths):
        flags = os.O_RDONLY if not number else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(path, flags | os.O_NOCTTY, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        mode = "r" if not number else "w"
        setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False, buffering=1))  # noqa: SIM115


if __name__ == "__main__":
    serve()
