"""The LiveKit plugin in the framework, beside the framework's own; an environment of their own.

``make test-livekit`` creates it, with the newest and with the oldest version of the stated range. Elsewhere
this folder is left out, and the summary says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from speechwire.emulator import Emulator, Engine

HERE = Path(__file__).resolve().parent
LIMIT_S = 90.0

Start = Callable[..., Awaitable[Emulator]]


def unmet() -> list[str]:
    """What is not installed of what these tests need."""
    missing = [name for name in ("livekit-agents", "livekit-plugins-deepgram") if not is_installed(name)]
    if not missing and find_spec("livekit.plugins.speechwire") is None:
        missing.append("livekit-plugins-speechwire")
    return missing


def is_installed(distribution: str) -> bool:
    """Whether there is such a distribution."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


UNMET = unmet()
collect_ignore_glob = ["*.py"] if UNMET else []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/livekit-faults.md from this run")


def pytest_configure(config: pytest.Config) -> None:
    if not UNMET:
        # What the framework and its dependencies do wrong in passing is not ours to fail on.
        config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if UNMET:
        needed = ", ".join(UNMET)
        terminalreporter.write_line(f"tests/livekit left out, see `make test-livekit`: needs {needed}")
    else:
        terminalreporter.write_line(f"tests/livekit ran with livekit-agents {version('livekit-agents')}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start emulators that keep what they receive; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(engine: str | Engine = "scripted", **options: Any) -> Emulator:
            return await stack.enter_async_context(Emulator(engine, keep_audio=True, **options))

        yield start_one


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What is logged as a warning or worse while the test runs."""
    texts: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield texts
    logging.getLogger().removeHandler(handler)
