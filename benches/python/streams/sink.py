"""Where a client's results end: at the caller's callback."""

from __future__ import annotations

import time
from array import array

from benches.python.streams.speech import MAGIC
from benches.python.streams.traffic import sent_at_us

__all__ = ["Sink"]


class Sink:
    """Counts texts, and how long each took from the server's send.

    Attributes:
        count: Texts since the run began.
        latencies_us: Of those since `mark`.
        heard_bytes: Audio since the run began.
        errors: What clients complained about.
    """

    def __init__(self) -> None:
        self.count = 0
        self.heard_bytes = 0
        self.latencies_us: array[int] = array("q")
        self.errors: list[str] = []

    def __call__(self, text: str) -> None:
        self.count += 1
        self.latencies_us.append(time.monotonic_ns() // 1000 - sent_at_us(text))

    def hear(self, audio: bytes) -> None:
        """Count synthesized audio; the server stamps the beginning of each of its messages."""
        self.heard_bytes += len(audio)
        if audio.startswith(MAGIC):
            stamp = int.from_bytes(audio[len(MAGIC) : len(MAGIC) + 8], "little")
            self.latencies_us.append(time.monotonic_ns() // 1000 - stamp)

    def forget(self) -> None:
        """Begin anew."""
        self.count = self.heard_bytes = 0
        self.mark()
        self.errors.clear()

    def mark(self) -> None:
        """Begin to measure."""
        del self.latencies_us[:]

    def complain(self, error: object) -> None:
        """Note what went wrong."""
        self.errors.append(str(error))
