"""One server in one setting, in processes of their own; prints the result as a line of JSON.

python -m benches.python.server.run --contender speechwire --kind twilio --calls 200

The server is alone on core 0; the callers and the service share core 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict

from benches.python.server.callers import KINDS
from benches.python.server.contenders import CATALOG
from benches.python.server.processes import started
from benches.python.server.trial import Trial
from benches.python.streams.awake import kept_awake
from benches.python.streams.loop import run, uvloop_installed
from benches.python.streams.server import raise_descriptor_limit

__all__ = ["main"]

_LIMIT_S = 120.0


async def measure(arguments: argparse.Namespace, server: int, port: int, service: tuple[int, int]) -> None:
    """Run once, and print."""
    contender = CATALOG[arguments.contender]
    trial = Trial(
        contender,
        arguments.kind,
        arguments.calls,
        arguments.seconds,
        server=server,
        load=[os.getpid(), service[0]],
        port=port,
        service=service[1],
    )
    async with asyncio.timeout(_LIMIT_S + arguments.seconds):
        print(json.dumps(asdict(await trial.run())), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contender", choices=sorted(CATALOG), default="speechwire")
    parser.add_argument("--kind", choices=sorted(KINDS), default="twilio")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window that is measured")
    parser.add_argument("--server-python", default=sys.executable, help="interpreter of the server")
    parser.add_argument("--awake", action="store_true", help="let no core fall asleep")
    arguments = parser.parse_args()
    raise_descriptor_limit()
    contender = CATALOG[arguments.contender]
    with ExitStack() as stack:
        if arguments.awake:
            stack.enter_context(kept_awake())
        os.sched_setaffinity(0, {1})
        service, line = stack.enter_context(started(["benches.python.server.service", "--core", "1"], 1))
        command = contender.command(int(line), arguments.calls)
        process, where = stack.enter_context(
            started(command, 0, python=arguments.server_python, DEEPGRAM_API_KEY="key-1")
        )
        port = int(where.rpartition(":")[2])
        run(measure(arguments, process.pid, port, (service.pid, int(line))), uvloop=uvloop_installed())


if __name__ == "__main__":
    main()
