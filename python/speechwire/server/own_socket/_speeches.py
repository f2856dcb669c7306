"""Which utterance is which: the call's numbers, the client's, and the texts it asked for. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from speechwire.server import codec as seam
from speechwire.server.own_socket import messages as wire

__all__ = ["Speeches"]

_MOST_KNOWN: Final = 256
_MOST_WAITING: Final = 256


class _Asked(msgspec.Struct):
    """A text that the client wants spoken."""

    id: str
    text: str
    utterance: int | None = None  # the client's number, if it has one
    skip_bytes: int = 0  # what the client has of it


class _Utterance(msgspec.Struct):
    """An utterance under way."""

    number: int  # the client's
    skip_bytes: int = 0
    sent_bytes: int = 0


class Speeches:
    """Names utterances for the client and leaves out what it has of them."""

    def __init__(self) -> None:
        self._frame_bytes = 2
        self._rate = 16000
        self._next = 0
        self._waiting: deque[_Asked] = deque()
        self._known: dict[int, _Utterance] = {}
        self._ids: set[str] = set()

    def set_format(self, format: wire.AudioFormat) -> None:
        """How speech is written."""
        self._frame_bytes = format.frame_bytes
        self._rate = format.sample_rate

    def seconds(self, samples: int) -> float:
        """How long so many samples last."""
        return samples / self._rate

    def ask(self, message: wire.Speak) -> bool:
        """Note a text; returns whether it is new. Beyond the bound the oldest is forgotten, not unspoken."""
        if message.id in self._ids:
            return False
        self._note(_Asked(message.id, message.text))
        return True

    def resume(self, message: wire.Resume) -> list[str]:
        """Note what another connection left unfinished; returns the texts to speak."""
        self._next = message.utterance
        for each in message.speeches:
            self._note(_Asked(each.id, each.text, each.utterance, each.received * self._frame_bytes))
        return [each.text for each in message.speeches]

    def forget(self) -> None:
        """Nothing that waits will be spoken."""
        self._waiting.clear()

    def internal(self, number: int) -> int | None:
        """The call's number for one of the client's, if it is known."""
        return next((mine for mine, each in self._known.items() if each.number == number), None)

    def audio(self, value: seam.Speech) -> list[str | bytes]:
        """A piece of speech, with its beginning before the first."""
        begun = value.utterance in self._known
        start = [] if begun else self._begin(value.utterance)
        utterance = self._known[value.utterance]
        data = value.data[utterance.skip_bytes :] if utterance.skip_bytes else value.data
        utterance.skip_bytes -= len(value.data) - len(data)
        utterance.sent_bytes += len(value.data)
        step = wire.MAX_MESSAGE_BYTES - wire.MAX_MESSAGE_BYTES % self._frame_bytes
        return [*start, *(data[at : at + step] for at in range(0, len(data), step))]

    def end(self, value: seam.SpeechEnded) -> list[str | bytes]:
        """The end of an utterance."""
        start = [] if value.utterance in self._known else self._begin(value.utterance)
        utterance = self._known[value.utterance]
        ended = wire.SpeechEnded(
            utterance=utterance.number,
            samples=utterance.sent_bytes // self._frame_bytes,
            interrupted=value.interrupted,
        )
        return [*start, wire.encode(ended)]

    def _note(self, asked: _Asked) -> None:
        self._waiting.append(asked)
        if asked.id:
            self._ids.add(asked.id)
        if len(self._waiting) > _MOST_WAITING:
            self._ids.discard(self._waiting.popleft().id)

    def _begin(self, utterance: int) -> list[str | bytes]:
        """Utterances come in the order in which their texts were asked for."""
        asked = self._waiting.popleft() if self._waiting else _Asked("", "")
        self._ids.discard(asked.id)
        number = asked.utterance
        if number is None:
            number, self._next = self._next, self._next + 1
        self._known[utterance] = _Utterance(number, asked.skip_bytes)
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        skipped = asked.skip_bytes // self._frame_bytes
        started = wire.SpeechStarted(utterance=number, id=asked.id, text=asked.text, sample=skipped)
        return [wire.encode(started)]
