"""Fixtures for tests of agents: ``pytest_plugins = ["speechwire.emulator.pytest_plugin"]`` in a conftest.

Works with pytest alone: the emulator runs on an event loop in a thread of its own, so tests may be
synchronous or use any asyncio plugin.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from speechwire.emulator._speak import Delivery
from speechwire.emulator.faults import Fault
from speechwire.emulator.known_words import KnownWords
from speechwire.emulator.server import Behaviour, Emulator
from speechwire.emulator.testing import EmulatedCall, call_on

__all__ = ["deepgram_call", "deepgram_emulator", "make_deepgram_call", "make_deepgram_emulator"]

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


@pytest.fixture
def make_deepgram_call(make_deepgram_emulator: Callable[..., Emulator]) -> Callable[..., EmulatedCall]:
    """Start calls, each on an emulator of its own, with any of :class:`Emulator`'s arguments."""

    def make(*faults: Fault, engine: Any = None, **options: Any) -> EmulatedCall:
        engine = engine or KnownWords()
        # At real pace, so that speech takes as long as it does with Deepgram and can be interrupted.
        options.setdefault("behaviour", Behaviour(delivery=Delivery(pace=1.0)))
        emulator = make_deepgram_emulator(engine, faults=faults, **options)
        return call_on(emulator, emulator.engine)

    return make


@pytest.fixture
def deepgram_call(make_deepgram_call: Callable[..., EmulatedCall]) -> EmulatedCall:
    """A call to the agent under test; the emulator recognises the words of its audio."""
    return make_deepgram_call()
