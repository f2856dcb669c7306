"""What happened when: one list for the screen, the picture and the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One thing that happened, on the conversation's clock (0 s = the caller's first frame)."""

    at_s: float
    who: str
    what: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.at_s:7.2f} s  {self.who:<8} {self.what:<16} {self.text}".rstrip()


@dataclass
class Journal:
    """Collects entries and hands each to ``show`` as it happens.

    Args:
        show: Called with every entry; prints it by default.
    """

    show: Callable[[Entry], None] = field(default=lambda entry: print(entry, flush=True))
    entries: list[Entry] = field(default_factory=list)
    _started_at: float = field(default_factory=time.monotonic)

    def start_clock(self) -> None:
        """Make this moment 0 s."""
        self._started_at = time.monotonic()

    def now_s(self) -> float:
        """Return the seconds since `start_clock`."""
        return time.monotonic() - self._started_at

    def note(self, who: str, what: str, text: str = "") -> None:
        """Write down and show one entry."""
        entry = Entry(self.now_s(), who, what, text)
        self.entries.append(entry)
        self.show(entry)

    def of(self, who: str, what: str) -> list[Entry]:
        """Return the entries of one kind, in order."""
        return [entry for entry in self.entries if (entry.who, entry.what) == (who, what)]
