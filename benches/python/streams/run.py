"""One client, N streams, one process.

python -m benches.python.streams.run --contender flux_session --streams 200 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict

from benches.python.streams.awake import kept_awake
from benches.python.streams.contenders.catalog import CATALOG
from benches.python.streams.loop import run
from benches.python.streams.server import raise_descriptor_limit
from benches.python.streams.service import certificate, serving
from benches.python.streams.trial import Trial

__all__ = ["main"]

# Beside the window: connecting a thousand streams on a busy machine is what takes long.
_LIMIT_S = 240.0


async def measure(arguments: argparse.Namespace, stack: ExitStack) -> None:
    """Run once, print, and leave: a thousand streams are not closed one by one."""
    pem = stack.enter_context(certificate()) if arguments.tls else None
    core = 1 if arguments.pin_core else None
    service = stack.enter_context(serving(python=arguments.server_python, pem=pem, core=core))
    contender = CATALOG[arguments.contender]
    os.environ["SPEECHWIRE_TRANSPORT"] = contender.transport or "aiohttp"
    async with asyncio.timeout(_LIMIT_S + arguments.seconds):
        result = await Trial(contender, arguments.streams, arguments.seconds, service).run()
    if arguments.json:
        print(json.dumps(asdict(result)))
    else:
        print("\n".join(f"{name:12} {value}" for name, value in asdict(result).items()))
    sys.stdout.flush()
    stack.close()
    os._exit(0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contender", choices=sorted(CATALOG), required=True)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window that is measured")
    parser.add_argument("--tls", action="store_true", help="wss with a local certificate")
    parser.add_argument("--uvloop", action="store_true", help="run the client on uvloop")
    parser.add_argument("--pin-core", action="store_true", help="client on core 0, server on core 1")
    parser.add_argument("--awake", action="store_true", help="let no core fall asleep")
    parser.add_argument("--server-python", help="interpreter of the server, by default this one")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments = parser.parse_args()
    raise_descriptor_limit()
    with ExitStack() as stack:
        if arguments.awake:
            stack.enter_context(kept_awake())
        if arguments.pin_core:
            os.sched_setaffinity(0, {0})
        run(measure(arguments, stack), uvloop=arguments.uvloop)


if __name__ == "__main__":
    main()
