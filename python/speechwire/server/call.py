"""An application's side of one call, from the greeting to the hang-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from speechwire.errors import SpeechwireError
from speechwire.server._mouth import Said
from speechwire.server.codec import AudioFormat, Caption, Digit, Notice, Word

if TYPE_CHECKING:
    from speechwire.server._line import Line

__all__ = ["Answer", "BargeIn", "Call", "CallEnded", "CallEvent", "Said", "Turn"]


class CallEnded(SpeechwireError):
    """The call is over, so nothing can be said any more.

    Args:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the call has ended: {reason}")
        self.reason = reason


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn of the caller, when it is complete.

    Attributes:
        index: From 0.
        text: Punctuated and cased.
        words: With their times and confidences.
        start_s: When it began, in seconds of the caller's audio.
        end_s: When it ended.
        channel: Of the caller's audio, where channels are understood apart.
    """

    index: int
    text: str
    words: tuple[Word, ...] = ()
    start_s: float = 0.0
    end_s: float = 0.0
    channel: int = 0


class BargeIn(msgspec.Struct, frozen=True, kw_only=True):
    """The caller spoke while the server was speaking, and the server stopped.

    Attributes:
        utterance: Which, from 0.
        heard_s: How much of it had been heard, in seconds.
    """

    utterance: int
    heard_s: float


CallEvent = Caption | Turn | BargeIn | Digit | Notice
"""What :meth:`Call.events` gives."""

Answer = Callable[["Call"], Awaitable[None]]
"""An application: called once for each call; the call ends when it returns."""


class CallLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the call's id to each record."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Keep what the caller of the logger added."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class Call:
    """One call::

        async def answer(call):
            await call.say("Good morning. What can I do for you?")
            async for turn in call.turns():
                await call.say(reply(turn.text))

    An application runs in the server's own event loop, so it must not block. It is cancelled when the call
    has ended and ``hangup_s`` have passed.

    Attributes:
        call_id: The server's id of the call, in every log record.
        provider_id: The provider's, such as Twilio's ``callSid``; empty where there is none.
        dialect: ``twilio``, ``speechwire`` and so on.
        parameters: What the provider passed on.
        format: Of the caller's audio.
        resumed: Whether this goes on with a call of an earlier connection, perhaps of another process.
        log: A logger whose records carry ``call_id`` and ``dialect``.
        state: For the application.
    """

    def __init__(
        self,
        line: Line,
        *,
        call_id: str,
        provider_id: str,
        dialect: str,
        parameters: Mapping[str, str],
        format: AudioFormat,
        log: CallLogger,
        event_limit: int,
        resumed: bool = False,
    ) -> None:
        self.call_id = call_id
        self.provider_id = provider_id
        self.dialect = dialect
        self.parameters = parameters
        self.format = format
        self.resumed = resumed
        self.log = log
        self.state: dict[str, Any] = {}
        self.events_dropped = 0
        self._line = line
        self._event_limit = event_limit
        self._events: list[CallEvent] = []
        self._ended = False
        self._complete = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the caller has hung up, or the server ends the call."""
        return self._ended

    @property
    def speaking(self) -> bool:
        """Whether something is being said to the caller."""
        return self._line.speaking

    async def events(self) -> AsyncIterator[CallEvent]:
        """What happens, until the call ends: turns and their states, barge-ins, digits, notices.

        For one consumer: :meth:`turns` takes from the same. ``Update`` captions are left out.
        """
        while True:
            while self._events:
                yield self._events.pop(0)
            if self._complete:
                return
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting

    async def turns(self) -> AsyncIterator[Turn]:
        """What the caller says, turn by turn, until the call ends."""
        async for event in self.events():
            if isinstance(event, Turn):
                yield event

    async def say(self, text: str | AsyncIterable[str]) -> Said:
        """Say something; returns when it has been heard, or was cut short by the caller.

        What is said while something is being said waits for its turn. The service begins with it at once.

        Args:
            text: Whole, or in pieces as a language model makes them.

        Raises:
            CallEnded: The call is over, or ends meanwhile.
            SpeechwireError: The service could not speak it; the call goes on.
            InvalidArgument: The text is too long.
        """
        if self._ended:
            raise CallEnded(self._line.ending or "it is over")
        said = await self._line.say(text)
        if said.interrupted and self._ended:
            raise CallEnded(self._line.ending or "it is over")
        return said

    def interrupt(self) -> None:
        """Stop what is being said; returns at once."""
        self._line.interrupt()

    def hang_up(self, reason: str = "") -> None:
        """End the call; returns at once."""
        self._line.hang_up(reason)

    # For the line

    def put(self, event: CallEvent) -> None:
        """Give an event to the application, if there is one."""
        if not self._event_limit:
            return
        if len(self._events) >= self._event_limit:
            self._make_room()
        self._events.append(event)
        self._wake()

    def end(self) -> None:
        """The call is over; what was said last is still on its way."""
        self._ended = True

    def complete(self) -> None:
        """No event follows."""
        self._ended = self._complete = True
        self._wake()

    def _make_room(self) -> None:
        """Drop the oldest that is no turn; else the oldest."""
        self.events_dropped += 1
        for index, event in enumerate(self._events):
            if not isinstance(event, Turn):
                del self._events[index]
                return
        self._events.pop(0)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
