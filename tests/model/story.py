"""A story: what a caller does and what the service does to it, as plain data, so that it can be cut down."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

__all__ = ["HEALTHY", "QUARTER_S", "Fate", "Operation", "Story"]

QUARTER_S = 0.25
"""One word is spoken in each quarter second of a turn; its text is the quarter's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one connection.

    Args:
        upgrade: ``accept``, ``unreachable``, ``silent`` (never answers), ``crash`` (the transport raises what
            it should not), or an HTTP status.
        upgrade_s: Until the upgrade's outcome.
        latency_s: From hearing to answering.
        ending: ``""`` for none; ``reset``, ``deaf`` (reads no more), ``mute`` (answers no more), ``crash``
            (the transport raises), ``error CODE`` (Flux) or ``CODE REASON`` of a close frame.
        ending_by: What ``ending_s`` counts: ``heard`` audio on this connection, ``open`` time, or the
            ``caller``'s audio.
        results_first: Whether results under way arrive before the ending.
        closing: The answer to ``CloseStream``: ``proper``, ``silence``, ``bare`` (the endpoint's own close
            without results), ``results`` (results, then the bare end of TCP), or a close code.
        closing_s: Until that answer.
        configure: ``accept``, ``refuse``, ``never``.
        finalize: Whether ``Finalize`` and ``ForceEndTurn`` are answered.
        finals: Whether results become final, and turns end, without being asked.
        interims: Whether results that are not final come.
        empty_finals: Empty finals between those with words (v1).
        repeats: How likely a message comes twice.
        junk: How likely a frame of audio is answered with junk as well.
        lies: How likely with a message whose times cannot be.
        hiccup_at_s: Of audio heard, after which it reads nothing for a while.
        hiccup_s: For how long.
        reads_s: How long it takes for each frame.
        onset: Whether a word is missed whose beginning was not heard.
    """

    upgrade: str = "accept"
    upgrade_s: float = 0.05
    latency_s: float = 0.1
    ending: str = ""
    ending_by: str = "heard"
    ending_s: float = 0.0
    results_first: bool = True
    closing: str = "proper"
    closing_s: float = 0.1
    configure: str = "accept"
    configure_s: float = 0.05
    finalize: bool = True
    finals: bool = True
    interims: bool = True
    empty_finals: bool = False
    repeats: float = 0.0
    junk: float = 0.0
    lies: float = 0.0
    hiccup_at_s: float = 0.0
    hiccup_s: float = 0.0
    reads_s: float = 0.0
    onset: bool = False

    def __str__(self) -> str:
        return _differences(self, HEALTHY) or "healthy"

    @property
    def lasting(self) -> bool:
        """Whether the service refuses or ends it for a reason that another connection cannot mend."""
        return self.upgrade in {"400", "401", "402", "403"} or "1008" in (self.ending[:4], self.closing)


HEALTHY = Fate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a caller does.

    Args:
        kind: ``speak`` at real pace, ``burst`` at once, ``pause``, ``flush``, ``configure``, ``reopen``,
            ``exchange``, ``connect``, ``aclose``, ``cancel all``, ``stop reading``, ``read on``,
            ``read anew`` (the task that iterates is cancelled and another goes on).
        seconds: Of audio or of pause.
        frame_ms: Pushed in pieces of this length; with an odd byte cut off and sent with the next if ``odd``.
        value: What is set: a setting's value, a tag, a chunk's length in ms.
        awaited: Whether the caller waits for it before doing the next thing.
        cancel_at: The caller is cancelled at the operation's so many-th await; 0 for never.
    """

    kind: str
    seconds: float = 0.0
    frame_ms: int = 100
    odd: bool = False
    value: Any = None
    awaited: bool = True
    cancel_at: int = 0

    def __str__(self) -> str:
        said = _differences(self, Operation(kind=self.kind))
        return f"{self.kind} {said}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that decides how a run goes.

    Args:
        seed: Of every random choice made while it runs, the session's own jitter included.
        endpoint: ``flux``, ``nova`` or ``nova finals`` (without interim results).
        turns: When somebody speaks, in quarter seconds of the caller's audio.
        fates: Of the first connections.
        rest: Of all later ones.
        outages: When the service takes no connection, as seconds from the begin.
        settings: Of the session.
        options: Beyond the endpoint's usual ones.
        chunk_ms: Of the converter; 0 for none.
        window_bytes: What a client may send beyond what the service has read.
        consumer_s: How long the consumer takes for each event.
    """

    seed: int
    endpoint: str
    turns: tuple[tuple[int, int], ...] = ()
    operations: tuple[Operation, ...] = ()
    fates: tuple[Fate, ...] = ()
    rest: Fate = HEALTHY
    outages: tuple[tuple[float, float], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    chunk_ms: int = 0
    window_bytes: int = 1 << 20
    consumer_s: float = 0.0

    def fate(self, number: int) -> Fate:
        """Of the connection with this number, from 0."""
        return self.fates[number] if number < len(self.fates) else self.rest

    @property
    def flux(self) -> bool:
        return self.endpoint == "flux"

    def without(self, **changes: Any) -> Story:
        return replace(self, **changes)


def _differences(value: Any, usual: Any) -> str:
    pairs = ((f.name, getattr(value, f.name), getattr(usual, f.name)) for f in fields(value))
    return ", ".join(f"{name}={now!r}" for name, now, before in pairs if now != before)
