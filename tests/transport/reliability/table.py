"""The tables of ``docs/reliability.md``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from tests.transport.reliability.call import SECONDS
from tests.transport.reliability.moments import MOMENTS

__all__ = ["Cell", "ListenRow", "SpeakRow", "report"]


@dataclass(frozen=True)
class Cell:
    """One call.

    Attributes:
        words: Delivered.
        expected: Spoken.
        lost_ms: Audio that never arrived.
        replayed_ms: Audio that arrived again.
        connections: Attempts, refused ones included.
    """

    words: int
    expected: int
    lost_ms: float
    replayed_ms: float
    connections: int

    def __str__(self) -> str:
        words = f"{self.words}/{self.expected}"
        return f"{words} · {self.lost_ms:.0f} · {self.replayed_ms:.0f} · {self.connections}"


@dataclass
class ListenRow:
    """One fault, at every moment it was tried at."""

    fault: str
    endpoint: str
    transport: str
    cells: dict[str, Cell] = field(default_factory=dict)

    def texts(self) -> list[str]:
        cells = [str(self.cells.get(moment, "")) for moment in MOMENTS]
        return [self.fault, self.endpoint, self.transport, *cells]


@dataclass(frozen=True)
class SpeakRow:
    """One fault while text is spoken."""

    fault: str
    endpoint: str
    transport: str
    connections: int
    received_ms: int
    lost_ms: int
    replayed_ms: int

    def texts(self) -> list[str]:
        return [str(getattr(self, each.name)) for each in fields(self)]


_LISTENING: Final = f"""# Reliability

Made by `tests/transport/test_reliability.py` from sessions that talked to the emulator over real sockets.

## Listening

{SECONDS:g} s of audio whose samples say which they are, pushed far above real time, and a fault that strikes

* *in speech*: 3.4 s into it, in the middle of a turn, unless its name says otherwise;
* *in the last 0.2 s*: so late that the caller has hung up before anybody notices, in the middle of a word;
* *on ForceEndTurn*: everything has been sent, in the middle of a turn whose end is asked for, in vain;
* *on CloseStream*: everything has been sent, and the request for the last results is not answered;
* *as a mute begins*: the caller stops pushing in the middle of a turn, and the last audio before that is not
  answered;
* *in a mute*: the session has ended what was said, with `Finalize` or with silence, and nothing is open;
* *in a rollover, the old one*: `reopen()` has a new connection and waits for the end of the turn to use it;
* *in a rollover, the new one*: the connection that `reopen()` has made is struck before it is used.

A cell reads *words · lost ms · replayed ms · connections*. *Words* is how many of those spoken were
delivered, each exactly once, in order and at its time on the caller's clock. *Lost* is audio that never
arrived, *replayed* what arrived more than once; silence that a session puts in is neither. *Connections*
counts attempts, also those that were refused. In every cell the session's own account agrees: `complete`, and
nothing dropped.

"""

_SPEAKING: Final = """
## Speaking

Three sentences; *lost* is audio the caller did not get, *replayed* what the service made again and the caller
did not hear twice.

"""


def report(listening: Sequence[ListenRow], speaking: Sequence[SpeakRow]) -> str:
    """The page, in Markdown; rows by endpoint and transport, faults in the order they were tried."""
    heads = ["fault", "endpoint", "transport"]
    names = [each.name.replace("_", " ") for each in fields(SpeakRow)]
    return _LISTENING + _table([*heads, *MOMENTS], listening) + _SPEAKING + _table(names, speaking)


def _table(heads: Sequence[str], rows: Sequence[ListenRow | SpeakRow]) -> str:
    ordered = sorted(rows, key=lambda row: (row.endpoint, row.transport))
    lines = [heads, ["---"] * len(heads), *(row.texts() for row in ordered)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
