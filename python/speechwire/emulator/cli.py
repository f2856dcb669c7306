"""The emulator from a shell: ``python -m speechwire.emulator --port 8765 --engine offline``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechwire.emulator.scripted import Script
from speechwire.emulator.server import Behaviour, Emulator
from speechwire.errors import SpeechwireError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; the first line on standard output is the base URL.

    Returns:
        0 after an interrupt, 1 with one line on standard error if it could not start.
    """
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(_emulator(options)))
    except (SpeechwireError, ValueError, OSError) as error:
        print(f"speechwire emulator: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="speechwire emulator", description="A Deepgram on your own machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--engine", choices=("scripted", "offline"), default="offline")
    parser.add_argument("--script", type=Path, help="JSON file for the scripted engine")
    parser.add_argument("--key", action="append", help="accept only this API key (repeatable; default: any)")
    parser.add_argument("--journal", type=Path, help="append what clients send to this JSON-lines file")
    parser.add_argument("--time-scale", type=float, default=1.0, help="factor on idle and session limits")
    parser.add_argument("--allow-remote", action="store_true", help="permit a --host others can reach")
    return parser


def _emulator(options: argparse.Namespace) -> Emulator:
    script = Script.from_json(_load(options.script)) if options.script else None
    return Emulator(
        options.engine,
        script=script,
        host=options.host,
        port=options.port,
        keys=options.key,
        journal=options.journal,
        behaviour=Behaviour(time_scale=options.time_scale),
        allow_remote=options.allow_remote,
    )


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


async def _serve(emulator: Emulator) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, where Ctrl-C raises KeyboardInterrupt instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with emulator:
        print(emulator.base_url, flush=True)
        await stop.wait()
