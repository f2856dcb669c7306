"""``speechwire serve --workers N``: the process that starts the others, and what is special in those."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import replace

import click

from speechwire.cli._failures import INTERRUPTED
from speechwire.cli._serve_signals import RELOAD, Signals, ended_or_signalled
from speechwire.server.config import PREFIX, Config
from speechwire.server.server import CONTRACT_CALLS
from speechwire.server.workers import Supervisor

__all__ = ["share_of", "supervise"]


async def supervise(config: Config, banner: str) -> int:
    """Run the workers until a signal ends them.

    Args:
        config: Of this process; the workers read the same options, environment and file.
        banner: What to print, with ``{url}`` in it.
    """
    secret = config.token_secret or secrets.token_urlsafe(32)  # a token of one worker lets in to all
    environment = {**os.environ, f"{PREFIX}TOKEN_SECRET": secret}
    signals = Signals(RELOAD)
    command = ("-m", "speechwire", *sys.argv[1:])
    async with Supervisor(
        command,
        environment,
        count=config.workers,
        host=config.host,
        port=config.port,
        admin_port=config.admin_port,
    ) as supervisor:
        click.echo(banner.replace("{url}", supervisor.url))
        click.echo(f"  workers  {config.workers}: {supervisor.admin_url}/workers, SIGHUP replaces them")
        replacing: set[asyncio.Task[None]] = set()
        number = await _replace(supervisor, signals, replacing)
        supervisor.signal(number)
        while (again := await ended_or_signalled(supervisor.ended(), signals)) is not None:
            if again != RELOAD:  # there is nothing left to replace
                supervisor.signal(again)
        await asyncio.gather(*replacing)
    return INTERRUPTED if number == signal.SIGINT else 0


async def _replace(supervisor: Supervisor, signals: Signals, replacing: set[asyncio.Task[None]]) -> int:
    """Replace the workers as often as asked; returns the signal that ends all, at once when it comes."""
    while (number := await signals.first()) == RELOAD:
        if len(replacing) < 2:  # one that has not begun yet does for all who asked since
            task = asyncio.create_task(supervisor.replace_all(), name="replaces the workers")
            replacing.add(task)
            task.add_done_callback(replacing.discard)
    return number


def share_of(config: Config) -> Config:
    """The settings of one worker: an equal share of the quota, unless Redis divides it."""
    if config.redis_url or config.workers == 1:
        return config
    calls = max(1, (config.max_calls or CONTRACT_CALLS) // config.workers)
    speaking = max(1, config.max_speaking // config.workers) if config.max_speaking else 0
    return replace(config, max_calls=calls, max_speaking=speaking)
