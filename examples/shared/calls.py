"""A folder of short synthesised calls at the rates that recordings come in, and a board to watch calls on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from .voice import write_talk

__all__ = ["CALLS", "board", "write_calls"]

CALLS: dict[str, tuple[int, tuple[str, ...]]] = {
    "doctor": (16_000, ("i need to see a doctor", "please call me back in the morning")),
    "hotel": (48_000, ("do you have a room for two people", "please call me back in the morning")),
    "lost": (44_100, ("i have lost my phone", "can you help me please")),
    "meeting": (48_000, ("the meeting is on monday morning", "tomorrow will be a warm and sunny day")),
    "order": (22_050, ("i would like to cancel my order", "thank you and goodbye")),
    "ticket": (32_000, ("how much is a ticket to london", "can you help me please")),
}
"""By name: the rate in Hz, and what is said."""


def write_calls(folder: Path) -> Path:
    """Write each of `CALLS` as a WAV file; return the folder. Blocks for some tenths of a second."""
    for name, (rate, lines) in CALLS.items():
        write_talk(folder / f"{name}.wav", lines, rate=rate, pause_s=1.2)
    return folder


def board(rows: Iterable[tuple[str, ...]]) -> Table:
    """Return the table of all calls, one line each."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ("call", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("text", no_wrap=True, ratio=1)
    for name in ("audio", "lag", "words", "sent again"):
        table.add_column(name, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*row)
    return table
