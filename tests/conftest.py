"""Options of the whole suite."""

from __future__ import annotations

import sys
from collections.abc import Callable

import hypothesis
import pytest
from tests.choosing import LeftOut, longest_first

# A loaded machine is slow, and no test asserts a time.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

FIGURES = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", action="store_true", help="print the figures that the tests measured")


# The whole suite in one process takes a tenth of it. What runs away gets a MemoryError, and not the machine.
MEMORY_BYTES = 4 << 30


def bound_memory() -> None:
    """Bound what this process and each of its children may allocate; mapped files do not count."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounds = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([MEMORY_BYTES, *bounds]), hard))


def pytest_configure(config: pytest.Config) -> None:
    bound_memory()
    config.stash[FIGURES] = {}
    config.pluginmanager.register(LeftOut())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that notes a measured figure under a name; ``--figures`` prints them all."""

    def note(name: str, text: str) -> None:
        request.config.stash[FIGURES].setdefault(name, []).append(f"{text} | `{request.node.name}`")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--figures"):
        return
    terminalreporter.section("figures")
    terminalreporter.write_line("| | figure | test |\n|---|---|---|")
    figures = config.stash[FIGURES]
    for name in sorted(
        figures, key=lambda name: (name.rstrip("0123456789"), int("".join(filter(str.isdigit, name)) or 0))
    ):
        for text in figures[name]:
            terminalreporter.write_line(f"| {name} | {text} |")
