"""Fixtures for your own tests: add ``pytest_plugins = ["speechwire.emulator.pytest_plugin"]`` to a conftest.

Works with pytest alone: the emulator runs on an event loop in a thread of its own, so tests may be
synchronous or use any asyncio plugin.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from speechwire.emulator.server import Emulator

__all__ = ["deepgram_emulator", "make_deepgram_emulator"]

_START_S = 60.0


class _Host:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._emulators: list[Emulator] = []
        self._stop = asyncio.Event()
        running = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(running)), name="deepgram-emulator", daemon=True
        )
        self._thread.start()
        running.wait(_START_S)

    async def _run(self, running: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        running.set()
        await self._stop.wait()

    def start(self, emulator: Emulator) -> Emulator:
        self._emulators.append(emulator)
        asyncio.run_coroutine_threadsafe(emulator.start(), self._loop).result(_START_S)
        return emulator

    def stop(self) -> None:
        for emulator in self._emulators:
            asyncio.run_coroutine_threadsafe(emulator.aclose(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture
def make_deepgram_emulator() -> Iterator[Callable[..., Emulator]]:
    """Start emulators with any of :class:`Emulator`'s arguments; they are closed after the test."""
    host = _Host()

    def make(*args: Any, **options: Any) -> Emulator:
        return host.start(Emulator(*args, **options))

    yield make
    host.stop()


@pytest.fixture
def deepgram_emulator(make_deepgram_emulator: Callable[..., Emulator]) -> Emulator:
    """A scripted emulator that hears nothing and speaks tags; see its ``base_url`` and ``connections``."""
    return make_deepgram_emulator()
