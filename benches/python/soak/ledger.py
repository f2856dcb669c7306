"""What was said, what was heard of it, and what happened on the way."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from benches.python.soak.units import LEVELS, UNIT_S, is_spoken, word_of

from speechwire.session import (
    AudioDropped,
    EventsDropped,
    OutageBegan,
    OutageEnded,
    Reconnected,
    Reconnecting,
    SessionEnded,
)

TOLERANCE_S: Final = 0.015
_MOST_COMPLAINTS = 200
_COUNTED: Final = (Reconnecting, Reconnected, OutageBegan, OutageEnded, AudioDropped, EventsDropped)

HeardWord = tuple[str, float | None, float | None]
"""Text, start and end, in seconds of the call."""


@dataclass
class Ledger:
    """The account of all streams of one kind.

    Attributes:
        calls: Conversations held from beginning to end.
        expected: Words said, or texts given to be spoken.
        delivered: Of those, how many came, each in its place.
        missing: How many never came.
        doubled: How many came again, or too late.
        foreign: Words that this stream did not say.
        misplaced: Words with a time that is not the caller's.
        failed: Calls that ended with an error.
        incomplete: Sessions that said at their end that not everything was answered, or that said nothing.
        slowest_end_s: The longest it took from the last audio of a call to its end.
        events: Events of the sessions by name.
        outages_s: How long each of a sample of outages lasted, from its report to the new connection.
        complaints: What is wrong, in words.
    """

    calls: int = 0
    expected: int = 0
    delivered: int = 0
    missing: int = 0
    doubled: int = 0
    foreign: int = 0
    misplaced: int = 0
    failed: int = 0
    incomplete: int = 0
    slowest_end_s: float = 0.0
    events: Counter[str] = field(default_factory=Counter)
    outages_s: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How often anything was wrong."""
        dropped = self.events["AudioDropped"] + self.events["EventsDropped"]
        calls = self.failed + self.incomplete
        return self.missing + self.doubled + self.foreign + self.misplaced + calls + dropped

    def complain(self, text: str) -> None:
        """Note what is wrong and when; of very many only the first."""
        if len(self.complaints) < _MOST_COMPLAINTS:
            text = f"{time.strftime('%H:%M:%S')} {text}"
            print(text, file=sys.stderr, flush=True)
            self.complaints.append(text)


class CallAccount:
    """Checks the words of one call as they come: each once, in order, at its time.

    Args:
        ledger: Where it counts.
        name: Of the stream and call, for complaints.
        first: Number of the call's first unit.
    """

    def __init__(self, ledger: Ledger, name: str, first: int) -> None:
        self._ledger = ledger
        self._name = name
        self._first = first
        self._due = first
        self._out_since: float | None = None
        self._ended = False

    def words(self, words: Iterable[HeardWord]) -> None:
        """Take the words of one final result."""
        for word in words:
            self._word(*word)

    def event(self, event: object, now_s: float) -> None:
        """Take note of what a session reports."""
        name = type(event).__name__
        if isinstance(event, Reconnecting):
            self._out_since = self._out_since or now_s
        elif isinstance(event, Reconnected | OutageEnded) and self._out_since is not None:
            _sample(self._ledger.outages_s, now_s - self._out_since)
            self._out_since = None
        if isinstance(event, AudioDropped | EventsDropped):
            self._ledger.complain(f"{self._name}: {event}")
        if isinstance(event, _COUNTED):
            self._ledger.events[name] += 1
        if isinstance(event, SessionEnded):
            self._ended = True
            if not event.complete:
                self._incomplete(str(event))

    def failed(self, error: BaseException) -> None:
        """The call ended with an error."""
        self._ledger.failed += 1
        self._ledger.complain(f"{self._name}: {type(error).__name__}: {error}")

    def close(self, end: int) -> None:
        """The call is over; ``end`` is the number after its last unit."""
        self._skip_to(end)
        if not self._ended and end > self._first:  # a call that ended before its first unit needs no session
            self._incomplete("the session has not said how it ended")
        self._ledger.calls += 1
        self._ledger.expected += sum(map(is_spoken, range(self._first, end)))

    def _incomplete(self, text: str) -> None:
        self._ledger.incomplete += 1
        self._ledger.complain(f"{self._name}: {text}")

    def _word(self, text: str, start_s: float | None, end_s: float | None) -> None:
        number = self._numbered(text)
        if number is None or not is_spoken(number):
            self._ledger.foreign += 1
            self._ledger.complain(f"{self._name}: {text!r} at {start_s} s was never said")
        elif number < self._due:
            self._ledger.doubled += 1
            self._ledger.complain(f"{self._name}: {text!r} came again, at {start_s} s")
        else:
            self._skip_to(number)
            self._due = number + 1
            self._ledger.delivered += 1
            self._check_time(text, number, start_s, end_s)

    def _numbered(self, text: str) -> int | None:
        """The number on the wire counts modulo ``LEVELS``; no word comes half a round early or late."""
        if len(text) != len(word_of(0)) or not text[1:].isdigit():
            return None
        ahead = (int(text[1:]) - self._due + LEVELS // 2) % LEVELS - LEVELS // 2
        return self._due + ahead if abs(ahead) < LEVELS // 4 else None

    def _skip_to(self, number: int) -> None:
        missing = [unit for unit in range(self._due, number) if is_spoken(unit)]
        if missing:
            self._ledger.missing += len(missing)
            at_s = (missing[0] - self._first) * UNIT_S
            self._ledger.complain(f"{self._name}: {len(missing)} words from {at_s:.1f} s on are missing")

    def _check_time(self, text: str, number: int, start_s: float | None, end_s: float | None) -> None:
        """A word lies within its unit: one that was cut in two is heard by its longer part."""
        said_s = (number - self._first) * UNIT_S
        latest_s = said_s + UNIT_S + TOLERANCE_S
        if start_s is None or end_s is None or start_s < said_s - TOLERANCE_S or end_s > latest_s:
            self._ledger.misplaced += 1
            times = f"{said_s:.3f} to {said_s + UNIT_S:.3f} s came with {start_s} to {end_s} s"
            self._ledger.complain(f"{self._name}: {text!r} of {times}")


def _sample(values: list[float], value: float, size: int = 2000) -> None:
    """Keep at most ``size`` of all values, so that the account does not grow."""
    if len(values) < size:
        values.append(value)
    else:
        values[random.randrange(size)] = value
