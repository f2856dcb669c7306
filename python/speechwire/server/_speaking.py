"""The speech of one call, as the application and the caller ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol

from speechwire.errors import SpeechwireError
from speechwire.server._mouth import Mouth, Said
from speechwire.server.call import BargeIn, CallEnded
from speechwire.server.codec import AudioFormat, Flow, Incoming, Interrupt, MarkPlayed, Notice, Played, Text

__all__ = ["Speaking", "SpeechEvents"]


class SpeechEvents(Protocol):
    """The receiver of barge-ins and notices."""

    def on_barge_in(self, barge_in: BargeIn) -> None:
        """The caller has interrupted speech."""

    def on_notice(self, notice: Notice) -> None:
        """A text of the caller will not be spoken."""


class Speaking:
    """The speech of one call.

    Args:
        mouth: ``None`` where the connection takes no speech.
        events: Gets barge-ins and notices.
        most_texts: How many texts of the caller may wait to be spoken.
    """

    def __init__(self, mouth: Mouth | None, events: SpeechEvents, *, most_texts: int) -> None:
        self._mouth = mouth
        self._events = events
        self._most_texts = most_texts
        self._texts: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> bool:
        """Whether something is being spoken."""
        return self._mouth is not None and self._mouth.speaking

    @property
    def format(self) -> AudioFormat | None:
        """The format of the speech; ``None`` where the connection takes no speech."""
        return self._mouth.format if self._mouth is not None else None

    async def say(self, text: str | AsyncIterable[str], key: str = "") -> Said:
        """See :meth:`Call.say`."""
        if self._mouth is None:
            raise CallEnded("this connection takes no speech")
        return await self._mouth.say(text, key)

    def interrupt(self) -> tuple[float, int] | None:
        """Stop all speech; see :meth:`Mouth.interrupt`."""
        return self._mouth.interrupt() if self._mouth is not None else None

    def barge_in(self) -> None:
        """Stop all speech, as the caller speaks."""
        heard = self.interrupt()
        if heard is not None:
            self._events.on_barge_in(BargeIn(heard_s=heard[0], utterance=heard[1]))

    def receive(self, incoming: Incoming) -> None:
        """Handle a value of the caller that concerns speech."""
        mouth = self._mouth
        if mouth is None:
            return
        match incoming:
            case MarkPlayed():
                mouth.marked(incoming.name)
            case Played():
                mouth.played(incoming.utterance, incoming.position_s)
            case Flow():
                mouth.set_paused(incoming.paused)
            case Interrupt():
                self.barge_in()
            case Text():
                self._on_text(incoming)

    async def aclose(self) -> None:
        """End all speech, and the session."""
        for task in list(self._texts):
            task.cancel()
        await asyncio.gather(*self._texts, return_exceptions=True)
        if self._mouth is not None:
            await self._mouth.aclose()

    def _on_text(self, text: Text) -> None:
        if len(self._texts) >= self._most_texts:
            words = f"more than {self._most_texts} texts wait to be spoken; this one is not"
            self._events.on_notice(Notice(code="speech_failed", description=words))
            return
        task = asyncio.get_running_loop().create_task(self._speak(text))
        self._texts.add(task)
        task.add_done_callback(self._texts.discard)

    async def _speak(self, text: Text) -> None:
        try:
            await self.say(text.text, text.key)
        except SpeechwireError as error:
            self._events.on_notice(Notice(code="speech_failed", description=str(error)))
