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
    """The call is over, so nothing can be spoken any more.

    Args:
        reason: Why the call ended, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the call has ended: {reason}")
        self.reason = reason


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A complete turn of the caller.

    Attributes:
        index: The number of the turn, from 0.
        text: The transcript, punctuated and cased.
        words: The words with their times and confidences.
        start_s: Where the turn began, in seconds of the caller's audio.
        end_s: Where the turn ended, in seconds of the caller's audio.
        channel: The channel of the caller's audio, where channels are transcribed separately; else 0.
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
        utterance: The number of the interrupted utterance, from 0.
        heard_s: How many seconds of the utterance had been heard.
    """

    utterance: int
    heard_s: float


CallEvent = Caption | Turn | BargeIn | Digit | Notice
"""The events that :meth:`Call.events` yields."""

Answer = Callable[["Call"], Awaitable[None]]
"""An application: a coroutine function, called once for each call. The call ends when it returns."""


class CallLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the call's id to each record."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Merge the call's fields with the record's own ``extra``."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class Call:
    """One call::

        async def answer(call):
            await call.say("Good morning. What can I do for you?")
            async for turn in call.turns():
                await call.say(reply(turn.text))

    An application runs in the server's event loop, so it must not block. It is cancelled ``hangup_s`` after
    the call has ended.

    Attributes:
        call_id: The server's id of the call, in every log record.
        provider_id: The provider's id, such as Twilio's ``callSid``; empty where there is none.
        dialect: The protocol: ``twilio``, ``speechwire`` and so on.
        parameters: Parameters from the provider or the client.
        format: The format of the caller's audio.
        resumed: Whether this continues a call of an earlier connection, perhaps to another process.
        log: A logger whose records carry ``call_id`` and ``dialect``.
        state: A dictionary for the application's own use.
        events_dropped: How many events were dropped because the application did not read them.
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
        """Whether the caller has hung up, or the server is ending the call."""
        return self._ended

    @property
    def speaking(self) -> bool:
        """Whether speech is being sent to the caller, or has not been heard to its end."""
        return self._line.speaking

    async def events(self) -> AsyncIterator[CallEvent]:
        """Yield captions (except ``Update``), turns, barge-ins, digits and notices until the call ends.

        Each event is yielded once: use only one of :meth:`events` and :meth:`turns`, in one task.
        """
        while True:
            while self._events:
                yield self._events.pop(0)
            if self._complete:
                return
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting

    async def turns(self) -> AsyncIterator[Turn]:
        """Yield the caller's complete turns until the call ends."""
        async for event in self.events():
            if isinstance(event, Turn):
                yield event

    async def say(self, text: str | AsyncIterable[str]) -> Said:
        """Speak a text; return when it has been heard or was interrupted.

        Texts are spoken one after the other. The service begins to synthesise a waiting text at once.

        Args:
            text: The whole text, or its pieces as a language model makes them.

        Raises:
            CallEnded: The call is over, ends meanwhile, or takes no speech.
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
        """Stop all speech, including texts that wait. Does not block."""
        self._line.interrupt()

    def hang_up(self, reason: str = "") -> None:
        """End the call. Does not block."""
        self._line.hang_up(reason)

    # For the line

    def put(self, event: CallEvent) -> None:
        """Queue an event for the application, if there is one."""
        if not self._event_limit:
            return
        if len(self._events) >= self._event_limit:
            self._make_room()
        self._events.append(event)
        self._wake()

    def end(self) -> None:
        """The call is over; its last events may still come."""
        self._ended = True

    def complete(self) -> None:
        """No event follows."""
        self._ended = self._complete = True
        self._wake()

    def _make_room(self) -> None:
        """Drop the oldest event that is not a turn, or the oldest turn if all are turns."""
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
