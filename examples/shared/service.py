"""Which Deepgram an example talks to: an emulator inside this process, or the real one."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from speechwire.emulator import Emulator, Script
from speechwire.errors import SpeechwireError
from speechwire.protocol import DEFAULT_BASE_URL

__all__ = ["Service", "parser", "run", "service_of"]


@dataclass(frozen=True)
class Service:
    """Where Deepgram is.

    Attributes:
        name: For people.
        base_url: Without a path; every session and plugin takes it as it is.
        api_key: The key to it, shown nowhere.
    """

    name: str
    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Service({self.name})"


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows ``--live`` and ``--engine``."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--live", action="store_true", help="use the real Deepgram (needs DEEPGRAM_API_KEY)")
    made.add_argument(
        "--engine", choices=("offline", "scripted"), default="offline", help="the emulator's engine"
    )
    return made


@asynccontextmanager
async def service_of(
    *, live: bool = False, engine: str = "offline", script: Script | None = None, **emulator: Any
) -> AsyncIterator[Service]:
    """Yield the real service, or an emulator that ends with the block.

    Args:
        live: Use the real one.
        engine: The emulator's: ``offline`` listens and speaks, ``scripted`` knows what will be said.
        script: For the scripted engine.
        emulator: More arguments of :class:`Emulator`.

    Raises:
        SpeechwireError: There is no key, or the emulator's packages are not installed.
    """
    if live:
        key = os.environ.get("DEEPGRAM_API_KEY", "").strip()
        if not key:
            raise SpeechwireError(
                "--live needs DEEPGRAM_API_KEY in the environment; without --live no key is needed"
            )
        yield Service("api.deepgram.com", DEFAULT_BASE_URL, key)
        return
    async with Emulator(engine, script=script if engine == "scripted" else None, **emulator) as server:
        yield Service(f"emulator, {server.engine.name} engine", server.base_url, "no key needed")


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run an example; what a user can mend is one line on standard error.

    Returns:
        What ``main`` returns; 2 if it could not do its work, 130 after Ctrl-C.
    """
    # What a session logs, an example shows in its own words.
    logging.getLogger("speechwire").addHandler(logging.NullHandler())
    try:
        return asyncio.run(main)
    except (SpeechwireError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
