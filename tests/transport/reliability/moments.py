"""The moments at which a connection can be struck, and what the caller does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.transport.reliability.call import SECONDS, Call, Ending, Service

from speechwire.emulator import Fault, RefuseUpgrade
from speechwire.errors import ConnectFailed, SpeechwireError

__all__ = ["MOMENTS", "SPEECH", "Blow", "Moment"]

TURNS: Final = [(0.5, 1.5), (3.0, 4.0), (6.0, 7.0)]
UNTIL_THE_END: Final = [(0.5, 1.5), (3.0, 4.0), (7.0, 8.0)]
LONG_BEFORE: Final = [(0.5, 1.5), (2.5, 4.0), (6.0, 6.5)]
IN_A_TURN_S: Final = 3.4
WORD_OF_AN_OPEN_TURN: Final = 11
MUTED_AT_S: Final = 4.0
LAST_WORD_BEFORE_THE_MUTE: Final = 15
_REOPEN_S: Final = 20.0


@dataclass(frozen=True)
class Blow:
    """What happens to a connection.

    Attributes:
        ending: How it ends; ``None`` leaves it alone.
        refused: How many attempts to replace it are then refused with 503.
    """

    ending: Ending | None
    refused: int = 0

    def on(self, connection: int, at_s: float, opened: int) -> list[Fault]:
        """As faults of the emulator, at this time of the connection's audio, when ``opened`` were opened."""
        if self.ending is None:
            return []
        return [replace(self.ending, at_s=at_s, connections={connection}), *self.after(opened)]

    def after(self, opened: int) -> list[Fault]:
        """What happens next."""
        refused = range(opened, opened + self.refused)
        return [RefuseUpgrade(503, connections=refused)] if refused else []


@dataclass(frozen=True)
class Moment:
    """When a connection is struck.

    Attributes:
        faults: The blow as the emulator's faults.
        talk: What the caller does, up to the last push.
        turns: When something is said.
        settings: Of the session.
        upon: The message that the first connection is struck by.
        endpoints: Where there is such a moment.
    """

    faults: Callable[[Blow], Sequence[Fault]]
    talk: Callable[[Call, Blow], Awaitable[None]]
    turns: Sequence[tuple[float, float]] = field(default_factory=lambda: TURNS)
    settings: Mapping[str, Any] = field(default_factory=dict)
    upon: str = ""
    endpoints: Sequence[str] = ("/v1/listen", "/v2/listen")

    def service(self, blow: Blow) -> Service:
        """A service that strikes at this moment."""
        return Service(self.turns, self.faults(blow), self.upon, blow.ending)


async def speak_on(call: Call, blow: Blow) -> None:
    await call.speak()


async def pause_in_speech(call: Call, blow: Blow) -> None:
    """The caller is muted in the middle of a turn; the connection is struck by its last audio."""
    await call.speak(MUTED_AT_S, at_once=True)
    await asyncio.sleep(1.2)
    await call.speak(at_once=True)


async def pause_and_be_struck(call: Call, blow: Blow) -> None:
    """The connection is struck in a mute, when all that was said has been answered."""
    await call.speak(MUTED_AT_S, at_once=True)
    await call.is_heard(LAST_WORD_BEFORE_THE_MUTE)
    if blow.ending is not None:
        await call.service.strike(0, blow.ending)
    await asyncio.sleep(0.6)
    await call.speak(at_once=True)


async def replace_the_connection(call: Call, blow: Blow) -> None:
    """``reopen`` has a new connection, and waits for the end of a turn that is open to change over."""
    await call.speak(IN_A_TURN_S - 0.2)
    await call.is_mentioned(WORD_OF_AN_OPEN_TURN)
    reopening = asyncio.create_task(_reopen(call))
    await call.service.accepted(2)
    await call.speak(SECONDS - 2.5)
    with contextlib.suppress(SpeechwireError):
        await asyncio.wait_for(reopening, _REOPEN_S)
    await call.speak()


async def _reopen(call: Call) -> None:
    """Until the service has seen it: a machine that is busy elsewhere may let the first attempt time out."""
    while call.service.opened < 2:
        with contextlib.suppress(ConnectFailed):
            await call.session.reopen()
        await asyncio.sleep(0.005)


def at(at_s: float, connection: int = 0, opened: int = 1) -> Callable[[Blow], list[Fault]]:
    return lambda blow: blow.on(connection, at_s, opened)


def afterwards(opened: int) -> Callable[[Blow], list[Fault]]:
    return lambda blow: blow.after(opened)


SPEECH: Final = Moment(at(IN_A_TURN_S), speak_on)

_MUTE: Final = {"pause_after_s": 0.3}
_ROLLOVER: Final = {"rollover_wait_s": 2.0}

MOMENTS: Final[dict[str, Moment]] = {
    "in speech": SPEECH,
    "in the last 0.2 s": Moment(at(SECONDS - 0.2), speak_on, UNTIL_THE_END),
    "on ForceEndTurn": Moment(
        afterwards(1), speak_on, UNTIL_THE_END, upon="ForceEndTurn", endpoints=["/v2/listen"]
    ),
    "on CloseStream": Moment(afterwards(1), speak_on, UNTIL_THE_END, upon="CloseStream"),
    "as a mute begins": Moment(at(MUTED_AT_S), pause_in_speech, settings=_MUTE),
    "in a mute": Moment(afterwards(1), pause_and_be_struck, settings=_MUTE),
    "in a rollover, the old one": Moment(
        at(IN_A_TURN_S, 0, opened=2), replace_the_connection, LONG_BEFORE, _ROLLOVER
    ),
    "in a rollover, the new one": Moment(
        at(0.0, 1, opened=2), replace_the_connection, LONG_BEFORE, _ROLLOVER
    ),
}
