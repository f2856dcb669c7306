"""The texts that were requested, and how much of their speech has come. Without I/O."""

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
    """The speech that is being spoken and the texts that wait.

    Attributes:
        next_utterance: The number that the next utterance gets.
    """

    def __init__(self) -> None:
        self.next_utterance = 0
        self._unfinished: list[_Speech] = []
        self._current: _Speech | None = None
        self._asked = 0
        self._interrupted = 0  # texts up to this number were interrupted

    def ask(self, text: str) -> Speak:
        """Record a text and return the message that requests it."""
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
        """The messages that request all unfinished texts again, for a call that starts again."""
        return [Speak(id=each.id, text=each.text) for each in self._unfinished if each.id]

    def unfinished(self) -> tuple[UnfinishedSpeech, ...]:
        """The unfinished speeches, for another worker to speak."""
        return tuple(
            UnfinishedSpeech(id=each.id, text=each.text, utterance=each.utterance, received=each.received)
            for each in self._unfinished
            if each.text
        )

    def disconnect(self) -> None:
        """Forget the current utterance, and speeches without a known text, which cannot be resumed."""
        self._current = None
        self._unfinished = [each for each in self._unfinished if each.text]

    def start(self, message: SpeechStarted) -> bool:
        """Begin an utterance; return whether it is new and wanted."""
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
        """End an utterance; return whether it was known."""
        before = len(self._unfinished)
        self._unfinished = [each for each in self._unfinished if each.utterance != message.utterance]
        if self._current is not None and self._current.utterance == message.utterance:
            self._current = None
        return len(self._unfinished) < before

    def interrupt(self) -> None:
        """Drop all texts requested so far."""
        self._interrupted = self._asked
        self.clear()

    def clear(self) -> None:
        """The server has dropped its speech."""
        self._unfinished.clear()
        self._current = None

    def _named(self, message: SpeechStarted) -> _Speech | None:
        """The speech with this id; ``None`` if it was interrupted before the server had begun it.

        An unknown id can belong to a text that was sent before the server's ``Clear`` arrived.
        """
        for each in self._unfinished:
            if each.utterance == message.utterance or (message.id and each.id == message.id):
                return each
        if message.id.isdecimal() and int(message.id) <= self._interrupted:
            return None
        speech = _Speech(message.id, message.text)
        self._unfinished.append(speech)
        return speech
