"""What one run gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benches.python.streams.figures import Spread

__all__ = ["TOO_LATE_S", "Result"]

TOO_LATE_S = 0.5
"""Beyond this a client does not keep up with its callers."""


@dataclass
class Result:
    """One run of one client.

    Attributes:
        contender: Its name in the catalog.
        streams: How many at once.
        seconds: Of the window measured.
        cpu_ms: CPU of the client's process per second of one stream, pacing subtracted.
        pacing_ms: What was subtracted.
        clock: How late the clock was by itself: what the machine adds to all lateness.
        starved: Shares of the window in which the client and the server were ready but had no core: what
            other users of the machine took.
        lateness: Frame to wire; None for what speaks.
        held_frames: Whole frames by which the client holds audio back, not part of the lateness.
        latency: From the server's send to the caller's callback.
        memory_kib: Growth per stream.
        connect_ms: CPU per connect.
        behind_s: How far behind real time it was at the end; 0 if it kept pace.
        faults: Why the answer is wrong; empty if it is right.
    """

    contender: str
    streams: int
    seconds: float
    cpu_ms: float = 0.0
    pacing_ms: float = 0.0
    clock: Spread | None = None
    starved: tuple[float, float] = (0.0, 0.0)
    lateness: Spread | None = None
    held_frames: int = 0
    latency: Spread | None = None
    memory_kib: float = 0.0
    connect_ms: float = 0.0
    behind_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, content: dict[str, Any]) -> Result:
        """From what `dataclasses.asdict` gave."""
        named = ("clock", "lateness", "latency")
        spreads = {name: Spread(**content[name]) if content[name] else None for name in named}
        return cls(**(content | spreads | {"starved": tuple(content["starved"])}))
