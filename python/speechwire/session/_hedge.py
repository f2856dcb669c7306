"""When the service falls silent at the end: asking a second connection, while the first may still answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

from speechwire.errors import ConnectionLost, SpeechwireError
from speechwire.session._dialing import Dialing
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session.events import Reconnected, Reconnecting, SessionEvent
from speechwire.transport import ABNORMAL

__all__ = ["Hedge"]

EventT = TypeVar("EventT")


class Hedge(Generic[EventT]):
    """A second connection that is sent what the first has not answered. Whichever finishes first counts.

    It works on copies: nothing of it shows before it has finished.

    Args:
        shared: The session's.
        first: The connection that has fallen silent.
        asked: Called once the second connection is open.
    """

    def __init__(
        self, shared: Shared[EventT], first: ListenTraffic[EventT], asked: Callable[[], None]
    ) -> None:
        self._first = first
        self._seen = first.messages
        self._asked = asked
        self._audio = shared.audio
        self._events: list[EventT] = []
        self._shared = dataclasses.replace(
            shared,
            rules=shared.rules.fork(),
            audio=shared.audio.fork(),
            deliver=self._events.append,
            became_stable=_nothing,
            fell_silent=_nothing,
        )

    async def ask(self, dialing: Dialing) -> list[EventT | SessionEvent] | None:
        """Returns the last events: none if the first connection has said all of it. Or ``None``, if nothing
        shows that everything is done.
        """
        audio = self._shared.audio
        replayed_s = audio.rewind()
        if audio.stats.lost_bytes or audio.ring.overdrawn_frames():
            return None  # there is nothing to ask with, or it was sent too often
        try:
            async with dialing.connector.borrow():
                websocket, snapshot = await dialing.open(borrowed=True)
                self._asked()
                second = ListenTraffic(websocket, self._shared, snapshot.number, 0.0, careful=False)
                ended = await second.connection.run()
        except SpeechwireError:
            self._first.await_end()  # and ask again if it is still silent then
            return None
        finally:
            self._audio.absorb(audio)
        if not second.has_finished(ended):
            return None
        if self._first.messages != self._seen:
            return [] if self._first.settled() else None
        why = ConnectionLost(ABNORMAL, "nothing came after the end was asked for")
        return [
            Reconnecting(attempt=1, delay_s=0.0, error=why),
            Reconnected(request_id=websocket.request_id, replayed_s=replayed_s),
            *self._events,
        ]


def _nothing() -> None:
    """The first connection's are the ones that count."""
