"""The result of a load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

__all__ = ["Moment", "Result", "Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles, in milliseconds; all 0 without values."""

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, values_s: Sequence[float]) -> Self:
        """Of seconds."""
        if not values_s:
            return cls(0, 0.0, 0.0, 0.0)
        ordered = sorted(values_s)
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
        return cls(len(ordered), *(round(1000 * value, 1) for value in (*at, ordered[-1])))


@dataclass(frozen=True, slots=True)
class Moment:
    """A second of the run: how many calls were on, and how late this process was at its worst."""

    at_s: float
    calls: int
    late_s: float


@dataclass(slots=True)
class Result:
    """The result of a number of calls.

    Attributes:
        dialect: The callers' protocol.
        calls: How many calls were requested.
        seconds: How long they should talk, once all were connected.
        answered: How many calls were accepted.
        refused: Calls that were not accepted, by status or reason.
        ended: Calls that the server ended or lost, by close code.
        audio_s: Audio sent, in seconds over all calls.
        words, heard, lost, twice, strange: Counted words over all calls; see :class:`~.ledger.Ledger`.
        turns: For each complete turn, when it was transcribed in seconds of the run, and its delay.
        moments: The state in each second.
        late: How late each tick of this process was, which adds to every measured delay.
    """

    dialect: str
    calls: int
    seconds: float
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    audio_s: float = 0.0
    words: int = 0
    heard: int = 0
    lost: int = 0
    twice: int = 0
    strange: int = 0
    turns: list[tuple[float, float]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    late: Spread = Spread(0, 0.0, 0.0, 0.0)

    @property
    def is_counted(self) -> bool:
        """Whether words were counted: the service behind the server is the tagged engine."""
        return self.heard > 0 and not self.strange

    @property
    def turn(self) -> Spread:
        """From the last sound of a turn to its transcript."""
        return Spread.of([delay_s for _, delay_s in self.turns])

    @property
    def is_whole(self) -> bool:
        """Whether every call that was taken lasted, and no counted word was lost or came twice."""
        return not self.ended and (not self.is_counted or not (self.lost or self.twice))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; without what makes the picture."""
        # asdict() would count a Counter's items instead of copying it.
        made_here = {"refused": dict(self.refused), "ended": dict(self.ended), "turn": asdict(self.turn)}
        left_out = ("turns", "moments")
        rows = {name: value for name, value in asdict(self).items() if name not in left_out}
        return {**rows, **made_here, "is_counted": self.is_counted}
