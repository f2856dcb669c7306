"""The counters of a server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Totals since the server began.

    Args:
        accepted: Calls let in, by dialect.
        refused: Callers turned away, by reason.
        ended: Calls ended, by reason.
        notices: Notices for callers, by code.
        audio_s: Audio of ended calls, in seconds.
        captions: Captions for callers.
        interims_dropped: Captions that newer ones replaced because the caller read slowly.
        turns: Turns that ended.
        speech_bytes: Bytes of speech sent.
        barge_ins: How often a caller interrupted speech.
        digits: Telephone keys pressed.
        malformed: Messages that could not be understood.
        application_failures: Exceptions that applications raised.
        late_s: The largest delay of the event loop since it was last read, in seconds.
        messages: Messages received.
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
