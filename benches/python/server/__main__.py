"""Load the server.

python -m benches.python.server --calls 200 --seconds 10 --kind twilio

The server, ``speechwire serve``, is alone on core 0; the callers and the service share core 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benches.python.server.callers import PCM, TWILIO, Callers
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import raise_descriptor_limit

__all__ = ["main"]

_WARM_UP_S = 4.0
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def started(
    command: list[str], core: int | None = None, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, on a core if one is given, and the first line it prints."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(
        [*pinned, sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_s(pid: int) -> float:
    """CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_kib(pid: int) -> int:
    """Its share of memory (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:")))


def buffered_kib(port: int) -> float:
    """Audio that the server keeps, to be sent or sent again."""
    metrics = _get(port, "/metrics", parse=False).decode()
    line = next(line for line in metrics.splitlines() if line.startswith("speechwire_buffered_bytes"))
    return float(line.split()[1]) / 1024


def waited_s(pid: int) -> float:
    """How long it was ready to run and did not get to, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


async def measure(arguments: argparse.Namespace, server: int, port: int, service: int) -> dict[str, Any]:
    """Dial, talk, and look."""
    kind = {"twilio": TWILIO, "pcm": PCM}[arguments.kind]
    callers = Callers(kind, port)
    empty_kib = memory_kib(server)
    await callers.dial(arguments.calls)
    await asyncio.sleep(1.0)
    idle_kib = memory_kib(server)
    await callers.talk(_WARM_UP_S)
    first = _get(service, "/lateness")["first"]
    _get(service, "/forget", parse=False)
    callers.late_s, callers.sent, captions = 0.0, 0, callers.captions
    before_s, waited_before_s = cpu_s(server), waited_s(server)
    clock = asyncio.get_running_loop().time
    began_s = clock()
    await callers.talk(arguments.seconds)
    lasted_s = clock() - began_s
    used_s = cpu_s(server) - before_s
    audio_s = callers.sent * kind.frame_ms / 1000
    live_kib = memory_kib(server)
    return {
        "kind": arguments.kind,
        "calls": arguments.calls,
        "asked_s": arguments.seconds,
        "lasted_s": round(lasted_s, 2),
        "frames_per_s": round(callers.sent / lasted_s),
        "captions_per_s": round((callers.captions - captions) / lasted_s),
        "cpu_ms_per_audio_s": round(1000 * used_s / audio_s, 3),
        "server_core_share": round(used_s / lasted_s, 3),
        "server_kept_waiting": round((waited_s(server) - waited_before_s) / lasted_s, 3),
        "generator_late_ms": round(callers.late_s * 1000, 1),
        "frame_to_wire_ms": _get(service, "/lateness")["others"],
        "first_audio_ms": first,
        "memory_kib": {
            "empty": empty_kib,
            "per_idle_call": round((idle_kib - empty_kib) / arguments.calls, 1),
            "per_live_call": round((live_kib - empty_kib) / arguments.calls, 1),
            "of_that_open_audio": round(buffered_kib(port) / arguments.calls, 1),
        },
    }


def _get(port: int, path: str, *, parse: bool = True) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        body = response.read()
    return json.loads(body) if parse else body


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window that is measured")
    parser.add_argument("--kind", choices=("twilio", "pcm"), default="twilio")
    arguments = parser.parse_args()
    raise_descriptor_limit()
    os.sched_setaffinity(0, {1})
    with ExitStack() as stack:
        service, line = stack.enter_context(started(["benches.python.server.service", "--core", "1"], 1))
        port = int(line)
        serve = ["speechwire", "serve", "--port", "0", "--base-url", f"ws://127.0.0.1:{port}"]
        serve += ["--max-calls", str(arguments.calls), "--drain-s", "0"]
        server, url = stack.enter_context(started(serve, 0, DEEPGRAM_API_KEY="key-1"))
        result: dict[str, Any] = {}

        async def work() -> None:
            result.update(await measure(arguments, server.pid, int(url.rpartition(":")[2]), port))

        run(work(), uvloop=uvloop_installed())
        print(json.dumps(result, indent=1))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
