"""What each client did, written down from a run as ``README.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from speechwire.emulator import Connection

__all__ = ["TABLE", "Table", "answers", "requests"]

_INTRODUCTION = """\
# Clients no one here wrote

Written by a run of the tests in this folder (`make test-clients TABLE=1`): every client comes from the
package index as it is, is driven through its public API only, and speaks to `speechwire.emulator` over real
sockets. Audio is 16 kHz mono s16le in 20 ms frames unless a client cuts it anew. `300 × 640 B` are 300 binary
frames of 640 bytes, `2 × Flush` is the same message twice. What the emulator sent is listed by kind, in order
of first appearance.
"""


@dataclass
class Table:
    """Rows as the tests hand them in.

    Attributes:
        rows: Client, endpoint, what it sent, what it was answered, what its user got.
        findings: Client and what a test of its peculiarities showed.
    """

    rows: list[tuple[str, ...]] = field(default_factory=list)
    findings: list[tuple[str, ...]] = field(default_factory=list)

    def row(self, client: str, connection: Connection, journal: Path, delivered: str) -> None:
        """Write down a conversation."""
        sent = requests(journal, connection.index)
        end = f"close {connection.close_code}"
        answered = ", ".join(answers(connection))
        self.rows.append((client, connection.endpoint, ", ".join(sent), f"{answered}; {end}", delivered))

    def finding(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Write down what a test marked by a docstring has shown."""
        module, function = getattr(item, "module", None), getattr(item, "function", None)
        client = getattr(module, "CLIENT", None)
        if client and function and function.__doc__:
            outcome = "xfail" if hasattr(report, "wasxfail") else report.outcome
            self.findings.append((client.title, " ".join(function.__doc__.split()), outcome))

    def text(self) -> str:
        """Return the whole file."""
        rows = ("client", "endpoint", "sent by the client", "sent by the emulator", "delivered to the user")
        findings = ("client", "shown", "outcome")
        return "\n".join(
            [
                _INTRODUCTION,
                "## Conversations\n",
                *_markdown(rows, self.rows),
                "\n## Peculiarities\n",
                *_markdown(findings, self.findings),
                "",
            ]
        )


TABLE = pytest.StashKey[Table]()
"""Where a session keeps its table."""


def requests(journal: Path, index: int) -> list[str]:
    """What a connection was sent, runs of the same thing told once."""
    return _runs(list(_frames(journal, index)))


def answers(connection: Connection) -> list[str]:
    """What kinds of messages a connection sent, then how much audio."""
    kinds = list(dict.fromkeys(_name(message) for message in connection.sent))
    audio = [f"{connection.sent_audio_bytes} B of audio"] if connection.sent_audio_bytes else []
    return kinds + audio


def _frames(journal: Path, index: int) -> Iterator[str]:
    for line in journal.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["connection"] == index and entry["event"] == "text":
            yield _name(entry["message"])
        elif entry["connection"] == index and entry["event"] == "binary":
            yield f"{entry['bytes']} B"


def _name(message: Any) -> str:
    kind = str(message.get("type", "?")) if isinstance(message, dict) else "?"
    return str(message["event"]) if kind == "TurnInfo" else kind


def _runs(names: list[str]) -> list[str]:
    counted = [(name, len(list(group))) for name, group in groupby(names)]
    return [name if count == 1 else f"{count} × {name}" for name, count in counted]


def _markdown(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [heads, ("---",) * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
