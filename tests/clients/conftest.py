"""Clients no one here wrote, each against the emulator; they live in an environment of their own.

``make test-clients`` creates it. Elsewhere this folder is left out, and the summary says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from tests.clients.table import TABLE, Table

from speechwire.emulator import Emulator, Engine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMIT_S = 60.0
# Pipecat says so, and sends silence, when the machine takes its time over an open turn.
ABOUT_SPEED = "No audio received for"

Start = Callable[..., Awaitable[Emulator]]


def unmet() -> list[str]:
    """The pinned clients that are not installed in just this version."""
    lines = (ROOT / "requirements" / "clients.in").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if "==" in line]
    return [f"{name}=={pin}" for name, pin in pins if installed(name.partition("[")[0]) != pin]


def installed(distribution: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


UNMET = unmet()
collect_ignore_glob = ["*.py"] if UNMET else []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", action="store_true", help="write tests/clients/README.md from this run")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()
    if not UNMET:
        # What the clients and their dependencies do wrong in passing is not ours to fail on.
        config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if UNMET:
        needed = ", ".join(UNMET)
        terminalreporter.write_line(f"tests/clients left out, see `make test-clients`: needs {needed}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--write-table", default=False) and exitstatus == 0:
        (HERE / "README.md").write_text(session.config.stash[TABLE].text(), encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # What a client waits for may never come.
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not UNMET and report.when == "call":
        item.config.stash[TABLE].finding(item, report)
    return report


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    """Where rows go."""
    return request.config.stash[TABLE]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start emulators that keep and log what they receive; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(engine: str | Engine, **options: Any) -> Emulator:
            emulator = Emulator(engine, journal=tmp_path / "journal.jsonl", keep_audio=True, **options)
            return await stack.enter_async_context(emulator)

        yield start_one


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the clients logged as a warning or worse: nothing, unless the test takes it out."""
    # Pipecat's logger; by default it writes everything to standard error.
    from loguru import logger  # noqa: PLC0415

    texts: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    logger.remove()
    sink = logger.add(lambda message: texts.append(message.record["message"]), level="WARNING")
    yield texts
    logger.remove(sink)
    logging.getLogger().removeHandler(handler)
    assert [text for text in texts if not text.startswith(ABOUT_SPEED)] == []
