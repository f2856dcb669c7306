"""Plays many stories and sums up what came of them."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.model.author import write
from tests.model.player import play

from speechwire.session._states import TABLE, Ending, Happening, Operation, State, StateMachine

__all__ = ["LISTENING", "Tally", "chaos", "tally"]

_CHUNK = 250

# Nothing that a listening session hears of asks it for less; the two requests are a speaking session's.
_NOT_LISTENING = (Operation.REQUEST, Operation.INTERRUPT, Ending.THROTTLED)

LISTENING = frozenset(
    (state, happening) for happening, row in TABLE.items() if happening not in _NOT_LISTENING for state in row
)
"""The cells of the table of states that a listening session can come to."""

_CALLS = {
    "push": Operation.PUSH,
    "flush": Operation.FLUSH,
    "configure": Operation.CONFIGURE,
    "reopen": Operation.REPLACE,
    "exchange": Operation.EXCHANGE,
    "connect": Operation.CONNECT,
    "aclose": Operation.CLOSE,
    "cancel all": Operation.CANCEL,
}


@dataclass
class Tally:
    """What many stories came to; two are added with ``+=``."""

    stories: int = 0
    connections: int = 0
    words: int = 0
    complete: int = 0
    audio_s: float = 0.0
    operations: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[State, Happening]] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)

    def __iadd__(self, other: Tally) -> Tally:
        self.stories += other.stories
        self.connections += other.connections
        self.words += other.words
        self.complete += other.complete
        self.audio_s += other.audio_s
        self.operations.update(other.operations)
        self.endings.update(other.endings)
        self.cells.update(other.cells)
        self.broken |= other.broken
        return self


def tally(seeds: Iterable[int]) -> Tally:
    """Play the stories of these seeds."""
    total = Tally()
    before, StateMachine.observer = (
        StateMachine.observer,
        lambda state, happening: _see(total, state, happening),
    )
    try:
        for seed in seeds:
            _add(total, seed)
    finally:
        StateMachine.observer = before
    return total


def _see(total: Tally, state: State, happening: Happening) -> None:
    if not isinstance(happening, Operation):  # those are counted where the caller makes them
        total.cells[(state, happening)] += 1


def _add(total: Tally, seed: int) -> None:
    outcome = play(write(seed))
    total.stories += 1
    total.connections += outcome.connections
    total.words += outcome.words
    total.complete += outcome.complete
    total.audio_s += outcome.audio_s
    total.endings.update(outcome.endings)
    for (kind, state), count in outcome.operations.items():
        total.operations[kind] += count
        if state in set(State):
            total.cells[(State(state), _CALLS[kind])] += count
    if outcome.broken:
        total.broken[seed] = str(outcome.broken[0])


def chaos(first: int, stories: int, path: str | None) -> int:
    """Play them on all cores, say how far it has come, and write the summary; Ctrl-C ends it early."""
    total = Tally()
    chunks = [range(at, min(at + _CHUNK, first + stories)) for at in range(first, first + stories, _CHUNK)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    with (
        contextlib.suppress(KeyboardInterrupt),
        multiprocessing.get_context("spawn").Pool(None, _quiet) as pool,
    ):
        for part in pool.imap_unordered(tally, chunks):
            total += part
            _show(part, total, stories)
    text = "\n".join(summary(total, first)) + "\n"
    if path:
        Path(path).write_text(text, encoding="utf-8")
    else:
        print(text)
    return 1 if total.broken else 0


def _show(part: Tally, total: Tally, stories: int) -> None:
    end = "\r" if sys.stderr.isatty() and total.stories < stories else "\n"
    line = f"{total.stories:,} of {stories:,} stories, {len(total.broken)} with a promise broken"
    print(line, end=end, file=sys.stderr, flush=True)
    for seed, how in sorted(part.broken.items()):
        print(f"python -m tests.model {seed}  # {how}", flush=True)


def _quiet() -> None:
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer


def summary(total: Tally, first: int) -> Iterator[str]:
    """The page, line by line."""
    yield from (
        "# Chaos",
        "",
        "Made by `make chaos`: random callers against a service that fails in every documented way and in",
        "some that are not, in virtual time. After each step and at the end the promises of a listening",
        "session are checked; `tests/model/judge.py` has them. A story is one seed:",
        "`python -m tests.model SEED` plays it again and, if it breaks a promise, cuts it down to what does.",
        "",
        "| what | how many |",
        "|---|---|",
        f"| stories, seeds from {first} | {total.stories:,} |",
        f"| of those, with a promise broken | {len(total.broken):,} |",
        f"| of those, with everything delivered and said so | {total.complete:,} |",
        f"| operations of callers | {sum(total.operations.values()):,} |",
        f"| connections asked for | {total.connections:,} |",
        f"| hours of audio pushed | {total.audio_s / 3600:,.1f} |",
        f"| words delivered | {total.words:,} |",
        "",
    )
    yield from _table("## How connections ended", "ending", total.endings)
    yield from _table("## What callers did", "operation", total.operations)
    yield from _cells(total.cells)


def _table(title: str, what: str, counts: Counter[str]) -> Iterator[str]:
    yield from (title, "", f"| {what} | how often |", "|---|---|")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"| {name.replace('|', ' ')} | {count:,} |"
    yield ""


def _cells(cells: Counter[tuple[State, Happening]]) -> Iterator[str]:
    states = list(State)
    yield from ("## What happened in which state", "", "A dash is what cannot happen.", "")
    yield "| | " + " | ".join(state.value for state in states) + " |"
    yield "|---" * (len(states) + 1) + "|"
    for happening in TABLE:
        if happening not in _NOT_LISTENING:
            counts = (
                f"{cells[(state, happening)]:,}"
                if cells[(state, happening)] or (state, happening) in LISTENING
                else "-"
                for state in states
            )
            yield f"| {happening.value} | " + " | ".join(counts) + " |"
