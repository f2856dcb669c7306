"""The Pipecat services in Pipecat's own pipelines; they live in an environment of their own.

``make test-pipecat`` creates it. Elsewhere this folder is left out, and the summary says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

import pytest

from speechwire.emulator import Emulator, Engine

LIMIT_S = 90.0

Start = Callable[..., Awaitable[Emulator]]

NEEDED = ("pipecat", "deepgram", "pipecat_speechwire")
UNMET = [name for name in NEEDED if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if UNMET else []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pipecat: needs Pipecat, see `make test-pipecat`")
    if not UNMET:
        # What Pipecat and its dependencies do wrong in passing is not ours to fail on.
        config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if UNMET:
        missing = ", ".join(UNMET)
        terminalreporter.write_line(f"tests/pipecat left out, see `make test-pipecat`: needs {missing}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "pipecat":
            item.add_marker(pytest.mark.pipecat)
            if not any(item.iter_markers("timeout")):
                item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start emulators that keep what they receive; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(engine: str | Engine, **options: Any) -> Emulator:
            return await stack.enter_async_context(Emulator(engine, keep_audio=True, **options))

        yield start_one


@pytest.fixture(autouse=True)
def complaints() -> Iterator[list[str]]:
    """What Pipecat and the services logged as a warning or worse."""
    # Pipecat's logger; by default it writes everything to standard error.
    from loguru import logger  # noqa: PLC0415

    texts: list[str] = []
    logger.remove()
    sink = logger.add(lambda message: texts.append(message.record["message"]), level="WARNING")
    yield texts
    logger.remove(sink)


@pytest.fixture(autouse=True)
def unawaited(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No task of ours is left with an exception nobody took."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
