"""What a server counts: plain numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Since the server began.

    Args:
        accepted: Calls let in, by dialect.
        refused: Callers turned away, by reason.
        ended: Calls ended, by reason.
        notices: Told to callers, by code.
        audio_s: Audio of ended calls, in seconds.
        captions: Told.
        interims_dropped: Captions that newer ones replaced because the caller read slowly.
        turns: Ended.
        speech_bytes: Sent.
        barge_ins: Speech cut short by a caller.
        digits: Pressed.
        malformed: Messages without a meaning.
        application_failures: What an application raised.
        late_s: How late the event loop was at its worst since the last look, in seconds.
        messages: Received.
    """

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    audio_s: float = 0.0
    captions: int = 0
    interims_dropped: int = 0
    turns: int = 0
    speech_bytes: int = 0
    barge_ins: int = 0
    digits: int = 0
    malformed: int = 0
    application_failures: int = 0
    late_s: float = 0.0
    messages: int = 0
