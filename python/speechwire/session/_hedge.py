"""Requests the last results on a second connection when the first is silent but may still answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

from speechwire.errors import ConnectionLost, SpeechwireError
from speechwire.session._dialing import Dialing
from speechwire.session._listen_traffic import ListenTraffic, Shared
from speechwire.session._rules import ListenRules
from speechwire.session.events import Reconnected, Reconnecting, SessionEvent
from speechwire.transport import ABNORMAL, WebSocket

__all__ = ["Hedge"]

EventT = TypeVar("EventT")


class _Second(ListenTraffic[EventT]):
    """Keeps its events until the end, as the first connection may deliver some of them meanwhile."""

    def __init__(self, websocket: WebSocket, shared: Shared[EventT], told: int) -> None:
        self._heard: list[EventT] = []
        super().__init__(websocket, shared, told, 0.0, careful=False)

    def take(self, event: EventT) -> None:
        self._heard.append(event)
        super().take(event)

    def news(self, rules: ListenRules[EventT]) -> list[EventT]:
        """The events that came, with the parts left out that `rules` has delivered before."""
        rules.begin(self._shared.options.wanted)
        return [each for event in self._heard for each in rules.deliver(event, self._timeline)]


class Hedge(Generic[EventT]):
    """A second connection that is sent the audio the first has not answered. The first to finish counts.

    It works on copies of the session's state, so nothing is visible before it has finished.

    Args:
        shared: What the session's connections have in common.
        first: The connection that is silent.
        asked: Called once the second connection is open.
    """

    def __init__(
        self, shared: Shared[EventT], first: ListenTraffic[EventT], asked: Callable[[], None]
    ) -> None:
        self._first = first
        self._asked = asked
        self._audio = shared.audio
        self._rules = shared.rules
        self._shared = dataclasses.replace(
            shared,
            rules=shared.rules.fork(),
            audio=shared.audio.fork(),
            deliver=_nothing,
            became_stable=_nothing,
            fell_silent=_nothing,
        )

    async def ask(self, dialing: Dialing) -> list[EventT | SessionEvent] | None:
        """Return the last events, which are none if the first connection has delivered all results.

        Return ``None`` if it is not certain that everything is done.
        """
        audio = self._shared.audio
        replayed_s = audio.rewind()
        if audio.stats.lost_bytes or audio.ring.overdrawn_frames():
            return None  # the audio is no longer kept, or was sent too often
        try:
            async with dialing.connector.borrow():
                websocket, snapshot = await dialing.open(borrowed=True)
                self._asked()
                second = _Second(websocket, self._shared, snapshot.number)
                ended = await second.connection.run()
        except SpeechwireError:
            self._first.await_end()  # if it stays silent, another request follows
            return None
        finally:
            self._audio.absorb(audio)
        if not second.has_finished(ended):
            return None
        if self._first.settled():
            return []
        why = ConnectionLost(ABNORMAL, "nothing came after the end was asked for")
        return [
            Reconnecting(attempt=1, delay_s=0.0, error=why),
            Reconnected(request_id=websocket.request_id, replayed_s=replayed_s),
            *second.news(self._rules.fork()),
        ]


def _nothing(*_: object) -> None:
    """Ignore callbacks of the second connection: only the first one's count."""
