"""What one run gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["TOO_LATE_MS", "Result"]

TOO_LATE_MS = 500.0
"""A server whose frames are later than this at p99 does not keep up with its callers."""

Spread = dict[str, float]
"""``p50``, ``p99``, ``p999`` and ``most`` in milliseconds, and ``count``; that alone where it is 0."""


@dataclass
class Result:
    """One run of one server.

    Attributes:
        contender: Its name in the catalog.
        kind: Of the calls.
        calls: How many at once.
        seconds: Of the window measured.
        cpu_ms: CPU of the server's process for each second of one call.
        core_share: How much of a core it took.
        starved: Share of the window in which it was ready to run and had no core.
        load_share: How much of the other core the callers and the service took together.
        wire_ms: From the caller's send of a frame to the service, for the last frame of each message.
        caption_ms: From the service's send to the caller.
        first_ms: From a caller's dialing to its first audio at the service.
        message_ms: Audio in a message to the service.
        idle_kib: Private memory for each call that is on and silent since its first 80 ms.
        live_kib: The same while all talk.
        open_kib: Of that, audio kept to be sent again, where the server tells.
        generator_late_ms: How late the callers were at worst.
        sent_s: Seconds of audio that the callers sent.
        received_s: What came to the service of it.
        due: Messages of the service that become a caption.
        captions: Captions that the callers had.
        dropped: Captions that newer ones replaced, where the server tells.
        turns_due: Ends of turns that the service sent.
        turns: Those that the callers had.
        faults: Why the answer is wrong; empty if it is right.
    """

    contender: str
    kind: str
    calls: int
    seconds: float
    cpu_ms: float = 0.0
    core_share: float = 0.0
    starved: float = 0.0
    load_share: float = 0.0
    wire_ms: Spread = field(default_factory=dict)
    caption_ms: Spread = field(default_factory=dict)
    first_ms: Spread = field(default_factory=dict)
    message_ms: float = 0.0
    idle_kib: float = 0.0
    live_kib: float = 0.0
    open_kib: float = 0.0
    generator_late_ms: float = 0.0
    sent_s: float = 0.0
    received_s: float = 0.0
    due: int = 0
    captions: int = 0
    dropped: int = 0
    turns_due: int = 0
    turns: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def keeps_pace(self) -> bool:
        """Whether the server kept up with its callers."""
        return bool(self.wire_ms.get("count")) and self.wire_ms["p99"] <= TOO_LATE_MS

    @classmethod
    def read(cls, content: dict[str, Any]) -> Result:
        """From what `dataclasses.asdict` gave."""
        return cls(**content)
