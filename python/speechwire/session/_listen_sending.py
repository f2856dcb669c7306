"""Sends on one connection of a listening session: audio, control messages and inserted silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from speechwire.errors import ConnectionLost
from speechwire.session._configuring import Configuring
from speechwire.session._connection import Connection
from speechwire.session._options_state import Change
from speechwire.session._outgoing import OutgoingAudio
from speechwire.session._progress import Progress
from speechwire.session._rules import ListenRules
from speechwire.session._timeline import Timeline

__all__ = ["Sending"]

EventT = TypeVar("EventT")


class Sending(Generic[EventT]):
    """Sends the ring's audio, and brings the connection to the wanted options.

    Live audio is sent within the call that pushes it, while the sending task has nothing to do.

    Args:
        connection: The connection to send on.
        rules: The endpoint's rules.
        audio: The session's audio.
        timeline: Records where positions jump.
        progress: Records when audio was sent.
        configuring: Brings the options.
        draining: Returns whether the session is closing.

    Attributes:
        finishing: Whether the end was requested.
    """

    __slots__ = (
        "_audio",
        "_configuring",
        "_connection",
        "_draining",
        "_progress",
        "_protocol",
        "_ring",
        "_rules",
        "_timeline",
        "_urgent",
        "_websocket",
        "finishing",
    )

    def __init__(
        self,
        connection: Connection[EventT],
        rules: ListenRules[EventT],
        audio: OutgoingAudio,
        timeline: Timeline,
        progress: Progress,
        configuring: Configuring[EventT],
        draining: Callable[[], bool],
    ) -> None:
        self.finishing = False
        self._connection = connection
        self._websocket = connection.websocket
        self._rules = rules
        self._protocol = rules.protocol
        self._audio = audio
        self._ring = audio.ring
        self._timeline = timeline
        self._progress = progress
        self._configuring = configuring
        self._draining = draining
        # Text frames, numbers of frames of silence, and audio that the socket had no room for.
        self._urgent: list[str | int | bytes] = []

    @property
    def is_pending(self) -> bool:
        """Whether anything except audio waits to be sent."""
        return bool(self._urgent)

    def send_live(self, message: bytes, now: float) -> None:
        """Send audio that the ring has just handed over and counted as sent."""
        connection, websocket = self._connection, self._websocket
        if not websocket.ready or self._urgent:
            self.enqueue(message)
            return
        connection.last_sent = self._progress.last_audio = now
        try:
            websocket.send_now(self._protocol.send_audio(message))
        except ConnectionLost:
            websocket.abort()  # the receiver learns how it ended
        except Exception as fault:
            connection.fail(fault)

    def enqueue(self, *items: str | int | bytes) -> None:
        """Queue text frames, silence or audio to be sent before anything else."""
        self._urgent.extend(items)
        self._ring.rest(False)
        self._connection.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        ring, connection = self._ring, self._connection
        while True:
            if self._urgent:
                await self._send_urgent(self._urgent.pop(0))
            elif not self.finishing and (changes := self._configuring.due(ring.next_position)):
                await self._send_configure(changes)
            elif ring.waiting:
                await self._send_next()
            elif self._draining() and not self.finishing:
                await self._finish()
            else:
                ring.rest(True)
                await connection.woken()
                ring.rest(False)

    async def _send_next(self) -> None:
        now = self._connection.now()
        delay_s = self._ring.free_at - now
        if delay_s > 0:
            await self._connection.woken(delay_s)
            return
        taken = self._ring.take(now)
        if taken is None:
            await self._send_each(self._rules.flush())
            return
        message, begin, start = taken
        self._timeline.audio(begin, start)
        await self._send_audio(message)

    async def _send_each(self, frames: list[str]) -> None:
        for frame in frames:
            await self._connection.send(frame)

    async def _send_urgent(self, item: str | int | bytes) -> None:
        if isinstance(item, str):
            await self._connection.send(item)
        elif isinstance(item, bytes):
            await self._send_audio(item)
        else:
            self._timeline.silence(self._ring.put_in_silence(item), self._ring.next_position)
            rate = self._audio.rate
            silence = bytes((rate.silence,)) * (item * rate.frame_bytes)
            await self._connection.send(self._protocol.send_audio(silence))

    async def _send_audio(self, message: bytes) -> None:
        self._progress.last_audio = self._connection.now()
        await self._connection.send(self._protocol.send_audio(message))

    async def _send_configure(self, changes: list[Change[Any]]) -> None:
        frame = self._configuring.frame(changes, self._connection.now())
        if frame is not None:
            await self._connection.send(frame)

    async def _finish(self) -> None:
        self.finishing = True
        self._progress.finish(self._connection.now())
        await self._send_each(self._rules.finish())
