"""Memory of a call.

python -m benches.python.server.memory --calls 600

Half of the calls are on first, then all of them; what the second half adds to the server's process is what
they take. A machine that is too slow makes the callers slower, not late: what waits in a queue is no part of
it. Audio that is kept to be sent again is told apart, since it depends on the service and on turns. It fails
if a caller had no caption, or if a call takes more than ``--limit``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from typing import Any, Final

from benches.python.server.callers import KINDS, Callers
from benches.python.server.contenders import CATALOG
from benches.python.server.processes import metric, private_kib, started
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import raise_descriptor_limit

__all__ = ["main"]

_SETTLED_S: Final = 11.0  # what was freed has been returned by then


async def measure(arguments: argparse.Namespace, server: int, port: int) -> dict[str, Any]:
    """Look twice."""
    ours = CATALOG["speechwire"]
    callers = Callers(KINDS[arguments.kind], ours.lines[arguments.kind], port)
    looks = []
    for _ in range(2):
        await callers.dial(arguments.calls // 2)
        await callers.talk(arguments.seconds, speed=arguments.speed, catches_up=False)
        await asyncio.sleep(_SETTLED_S)
        looks.append((private_kib(server), metric(port, "speechwire_buffered_bytes") / 1024))
    (first_kib, first_audio_kib), (kib, audio_kib) = looks
    added = arguments.calls // 2
    call_kib, open_kib = (kib - first_kib) / added, (audio_kib - first_audio_kib) / added
    return {
        "kind": arguments.kind,
        "calls": arguments.calls,
        "process_kib": {"with_half": first_kib, "with_all": kib},
        "call_kib": round(call_kib, 1),
        "open_audio_kib": round(open_kib, 1),
        "beyond_open_audio_kib": round(call_kib - open_kib, 1),
        "generator_late_ms": round(callers.late_s * 1000, 1),
        "calls_without_captions": callers.without_captions,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=12.0, help="how long each of both halves is on")
    parser.add_argument("--speed", type=float, default=1.0, help="in multiples of real time")
    parser.add_argument("--kind", choices=sorted(KINDS), default="twilio")
    parser.add_argument(
        "--limit", type=float, default=64.0, help="KiB beyond open audio that a call may take"
    )
    arguments = parser.parse_args()
    raise_descriptor_limit()
    with ExitStack() as stack:
        service, line = stack.enter_context(started(["benches.python.server.service"]))
        serve = ["speechwire", "serve", "--port", "0", "--base-url", f"ws://127.0.0.1:{line}"]
        serve += ["--max-calls", str(arguments.calls), "--drain-s", "0"]
        server, url = stack.enter_context(started(serve, DEEPGRAM_API_KEY="key-1"))
        result: dict[str, Any] = {}

        async def work() -> None:
            result.update(await measure(arguments, server.pid, int(url.rpartition(":")[2])))

        run(work(), uvloop=uvloop_installed())
    print(json.dumps(result, indent=1))
    if result["calls_without_captions"]:
        sys.exit("some calls had no caption")
    if result["beyond_open_audio_kib"] > arguments.limit:
        sys.exit(f"a call takes more than {arguments.limit:g} KiB beyond its open audio")


if __name__ == "__main__":
    main()
