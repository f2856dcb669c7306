"""Faults that a test can ask for.

A fault names the connections it happens on (all of them, or some by index: the first connection an emulator
accepts or refuses is 0, so ``connections={1}`` is the first reconnect). ``at_s`` is seconds of audio:
received from the client on the listen endpoints, sent to it on the speak endpoints. Faults are handed to the
emulator as a list and may be changed while it runs; a connection takes those that hold when it arrives.
"""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from speechwire.emulator._messages import Message
from speechwire.emulator.engine import Frame

__all__ = [
    "CloseWith",
    "Decorate",
    "Delay",
    "Fault",
    "HalfOpen",
    "Inject",
    "LateMessage",
    "Lose",
    "RefuseUpgrade",
    "Reset",
    "SlowReader",
    "SlowUpgrade",
    "Stall",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Base of all faults.

    Attributes:
        connections: Indices of the connections it happens on; None for all.
        endpoint: ``"/v2/listen"`` and so on; None for all.
    """

    connections: Container[int] | None = None
    endpoint: str | None = None

    def concerns(self, connection: int, endpoint: str) -> bool:
        """Whether it happens on this connection."""
        chosen = self.connections is None or connection in self.connections
        return chosen and self.endpoint in (None, endpoint)


@dataclass(frozen=True, slots=True)
class RefuseUpgrade(Fault):
    """Answer the upgrade with an HTTP error and Deepgram's body for it."""

    status: int
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class SlowUpgrade(Fault):
    """Answer the upgrade only after ``delay_s``."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Hold every message back by ``delay_s`` plus up to ``jitter_s``, evenly distributed, from a seeded
    source.
    """

    delay_s: float
    jitter_s: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SlowReader(Fault):
    """Take ``seconds_per_frame`` over every frame read, so that the client meets back-pressure."""

    seconds_per_frame: float


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """Send nothing more; go on reading and answering pings."""

    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HalfOpen(Fault):
    """Send nothing more, read nothing more, answer no ping; the TCP connection stays up."""

    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """End the TCP connection without a Close frame: with RST, or with FIN if not ``hard``; in the middle of
    a frame if ``mid_frame``.
    """

    at_s: float = 0.0
    hard: bool = True
    mid_frame: bool = False


@dataclass(frozen=True, slots=True)
class CloseWith(Fault):
    """Send a Close frame with this code and reason; without a status if the code is None."""

    code: int | None
    reason: str = ""
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Inject(Fault):
    """Send ``frame`` verbatim: junk, an unknown type, binary where none belongs."""

    at_s: float
    frame: Frame


@dataclass(frozen=True, slots=True)
class LateMessage(Fault):
    """Send ``frame`` after the client's closing message was handled, right before the Close frame."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Lose(Fault):
    """Do not send the first ``count`` messages of this type."""

    type: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Decorate(Fault):
    """Add these fields to every message, as future versions of the service will."""

    fields: Message = field(default_factory=lambda: {"future_field": {"nested": [1, 2, 3]}})


Timed = Stall | HalfOpen | Reset | CloseWith | Inject


class FaultSession:
    """The faults of one connection, and how far they have gone."""

    def __init__(self, faults: Sequence[Fault], connection: int, endpoint: str) -> None:
        mine = [fault for fault in faults if fault.concerns(connection, endpoint)]
        self._faults = mine
        self._timed = sorted(
            (fault for fault in mine if isinstance(fault, Timed)), key=lambda fault: fault.at_s
        )
        self._delays = [(fault, random.Random(fault.seed)) for fault in mine if isinstance(fault, Delay)]
        self._lost = {fault.type: fault.count for fault in mine if isinstance(fault, Lose)}

    @property
    def refusal(self) -> RefuseUpgrade | None:
        """The HTTP error to answer the upgrade with."""
        return next((fault for fault in self._faults if isinstance(fault, RefuseUpgrade)), None)

    @property
    def upgrade_delay_s(self) -> float:
        """How long to keep the upgrade waiting."""
        return sum(fault.delay_s for fault in self._faults if isinstance(fault, SlowUpgrade))

    @property
    def read_delay_s(self) -> float:
        """How long to take over each frame read."""
        return sum(fault.seconds_per_frame for fault in self._faults if isinstance(fault, SlowReader))

    @property
    def late_frames(self) -> list[Frame]:
        """What to send right before the Close frame."""
        return [fault.frame for fault in self._faults if isinstance(fault, LateMessage)]

    def send_delay_s(self) -> float:
        """How long to hold the next message back."""
        return sum(fault.delay_s + source.random() * fault.jitter_s for fault, source in self._delays)

    def due(self, audio_s: float) -> list[Timed]:
        """Faults whose time has come, each once."""
        due = [fault for fault in self._timed if fault.at_s <= audio_s]
        self._timed = self._timed[len(due) :]
        return due

    def rewrite(self, message: Message) -> Message | None:
        """The message as it goes out; None if it gets lost."""
        if self._lost.get(message["type"], 0) > 0:
            self._lost[message["type"]] -= 1
            return None
        for fault in self._faults:
            if isinstance(fault, Decorate):
                message = message | fault.fields
        return message
