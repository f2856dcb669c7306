"""Which tests come first, and which were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["LONGEST", "LeftOut", "longest_first"]

# The tests of a file stay in one process, and most of these wait: begun last, all would wait for them.
LONGEST = (
    "tests/transport/test_reliability.py",
    "tests/cluster/test_workers_replaced.py",
    "tests/server/test_tone.py",
    "tests/scripts/test_mutants.py",
    "tests/cluster/test_workers.py",
    "tests/server/page/test_page.py",
    "tests/emulator/test_offline.py",
    "tests/transport/test_broken_peers.py",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files in front; the others stay as they are."""
    places = {file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


class LeftOut:
    """Names the tests marked ``slow`` that are not run, so that none is left out in silence."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        self.names |= {item.nodeid for item in items if item.get_closest_marker("slow")}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A process of pytest-xdist tells the one that prints."""
        told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if told is not None:
            told["left_out"] = sorted(self.names)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.names.update(getattr(node, "workeroutput", {}).get("left_out", ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.names:
            files = Counter(name.partition("::")[0] for name in self.names)
            listed = ", ".join(f"{file} ({count})" for file, count in sorted(files.items()))
            terminalreporter.write_line(
                f"{len(self.names)} slow tests left out, `make test-all` runs them: {listed}"
            )
