"""Waiting for what is observed from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from speechwire.emulator import Connection, Emulator

__all__ = ["all_closed", "connected", "until"]

_LIMIT_S = 20.0


async def until(condition: Callable[[], object], *, timeout_s: float = _LIMIT_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: It did not come true.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def all_closed(emulator: Emulator) -> None:
    """Wait until the emulator has seen the end of every connection."""
    await until(lambda: not any(connection.is_open for connection in emulator.connections))


async def connected(emulator: Emulator, endpoint: str) -> Connection:
    """Wait for a client's open connection."""
    found: list[Connection] = []

    def look() -> bool:
        found[:] = [each for each in emulator.connections if each.is_open and each.endpoint == endpoint]
        return bool(found)

    await until(look)
    return found[-1]
