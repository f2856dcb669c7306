"""The texts that were asked for, and how much of their speech has come. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from speechwire.client.events import SpeechAudio
from speechwire.errors import InvalidArgument, LocalProtocolError
from speechwire.server.own_socket.messages import (
    Speak,
    SpeechEnded,
    SpeechStarted,
    UnfinishedSpeech,
)

__all__ = ["Speeches"]

MOST_TEXTS: Final = 100
_MOST_BYTES: Final = 48_000  # all of it goes into one Resume


class _Speech(msgspec.Struct):
    id: str
    text: str
    utterance: int | None = None
    received: int = 0


class Speeches:
    """What is being said and what waits to be said.

    Attributes:
        next_utterance: The number that the next utterance gets.
    """

    def __init__(self) -> None:
        self.next_utterance = 0
        self._unfinished: list[_Speech] = []
        self._current: _Speech | None = None
        self._asked = 0
        self._interrupted = 0  # texts up to this one

    def ask(self, text: str) -> Speak:
        """Note a text and return the message that asks for it."""
        waiting = sum(len(each.text.encode()) for each in self._unfinished)
        if not 1 <= len(text) <= 10_000:
            raise InvalidArgument("text", f"{len(text)} characters", "1 to 10000 characters")
        if len(self._unfinished) >= MOST_TEXTS or waiting + len(text.encode()) > _MOST_BYTES:
            raise LocalProtocolError(
                f"cannot say more: {len(self._unfinished)} texts of {waiting} bytes wait to be spoken"
            )
        self._asked += 1
        speech = _Speech(f"{self._asked}", text)
        self._unfinished.append(speech)
        return Speak(id=speech.id, text=text)

    def again(self) -> list[Speak]:
        """The messages that ask for everything unfinished, for a call that begins anew."""
        return [Speak(id=each.id, text=each.text) for each in self._unfinished if each.id]

    def unfinished(self) -> tuple[UnfinishedSpeech, ...]:
        """What another worker has to say."""
        return tuple(
            UnfinishedSpeech(id=each.id, text=each.text, utterance=each.utterance, received=each.received)
            for each in self._unfinished
            if each.text
        )

    def disconnect(self) -> None:
        """Audio that comes next belongs to nothing until it is named. What has no text cannot go on."""
        self._current = None
        self._unfinished = [each for each in self._unfinished if each.text]

    def start(self, message: SpeechStarted) -> bool:
        """An utterance begins; returns whether it is new, and wanted."""
        known = self._named(message)
        if known is None:
            self._current = None
            return False
        is_new = known.utterance is None
        known.utterance = message.utterance
        known.text = known.text or message.text
        known.received = message.sample
        self._current = known
        self.next_utterance = max(self.next_utterance, message.utterance + 1)
        return is_new

    def audio(self, data: bytes, frame_bytes: int) -> SpeechAudio | None:
        """A piece of the utterance under way."""
        if self._current is None or self._current.utterance is None:
            return None
        piece = SpeechAudio(utterance=self._current.utterance, sample=self._current.received, data=data)
        self._current.received += len(data) // frame_bytes
        return piece

    def end(self, message: SpeechEnded) -> bool:
        """An utterance has come to its end; returns whether it was known."""
        before = len(self._unfinished)
        self._unfinished = [each for each in self._unfinished if each.utterance != message.utterance]
        if self._current is not None and self._current.utterance == message.utterance:
            self._current = None
        return len(self._unfinished) < before

    def interrupt(self) -> None:
        """Nothing that was asked for is wanted any more."""
        self._interrupted = self._asked
        self.clear()

    def clear(self) -> None:
        """The server has forgotten what it had to say."""
        self._unfinished.clear()
        self._current = None

    def _named(self, message: SpeechStarted) -> _Speech | None:
        """The speech of this name; ``None`` for one that was interrupted before the server had begun it.

        A name that is not known can be that of a text that crossed a ``Clear`` on its way.
        """
        for each in self._unfinished:
            if each.utterance == message.utterance or (message.id and each.id == message.id):
                return each
        if message.id.isdecimal() and int(message.id) <= self._interrupted:
            return None
        speech = _Speech(message.id, message.text)
        self._unfinished.append(speech)
        return speech
