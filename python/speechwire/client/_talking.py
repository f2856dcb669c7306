"""One connection of a call: sends the conversation's frames and passes received frames to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from speechwire.client._conversation import Conversation
from speechwire.client.events import CallEvent
from speechwire.errors import ConnectionLost
from speechwire.transport import ABNORMAL, CloseEvent, WebSocket

__all__ = ["Talking"]

_PROTOCOL_ERROR = 1002  # RFC 6455, 7.4.1


class Talking:
    """Moves frames between a conversation and its current connection.

    Args:
        conversation: The call's state.
        wake: Set when there may be something to send.
        events: Takes the events; reading waits while it is full.
        on_message: Called after each message of the server.
    """

    def __init__(
        self,
        conversation: Conversation,
        wake: asyncio.Event,
        events: asyncio.Queue[CallEvent | None],
        on_message: Callable[[], None],
    ) -> None:
        self._conversation = conversation
        self._wake = wake
        self._events = events
        self._on_message = on_message

    async def talk(self, socket: WebSocket) -> CloseEvent:
        """Run until the connection ends or is no longer usable; return how it ended."""
        with contextlib.suppress(ConnectionLost):
            await socket.send(self._conversation.connected())
        sending = asyncio.create_task(self._send(socket), name="speechwire.client send")
        receiving = asyncio.create_task(self._receive(socket), name="speechwire.client receive")
        try:
            # The sender ends by itself only at a gap. The receiver knows why a connection has ended.
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done() and self._conversation.has_gap:
                return CloseEvent(ABNORMAL, "audio was lost: the call goes on behind it")
            return await receiving
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send(self, socket: WebSocket) -> None:
        with contextlib.suppress(ConnectionLost):
            while not self._conversation.has_gap:
                frame = self._conversation.next_frame()
                if frame is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await socket.send(frame)
                    # Without this, a sender that never waits would block the receiver.
                    await asyncio.sleep(0)

    async def _receive(self, socket: WebSocket) -> CloseEvent:
        while True:
            frame = await socket.receive()
            if isinstance(frame, CloseEvent):
                return frame
            try:
                events = self._conversation.receive(frame)
            except (msgspec.MsgspecError, UnicodeError):
                return CloseEvent(_PROTOCOL_ERROR, "the server sent what is no message of this protocol")
            self._on_message()
            self._wake.set()
            for event in events:
                await self._events.put(event)
