"""Running a coroutine on the event loop that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["run", "uvloop_installed"]


def uvloop_installed() -> bool:
    """Whether uvloop can be used."""
    return find_spec("uvloop") is not None


def run(main: Coroutine[Any, Any, None], *, uvloop: bool) -> None:
    """Run ``main`` to its end."""
    factory = import_module("uvloop").new_event_loop if uvloop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)
