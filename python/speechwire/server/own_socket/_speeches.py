"""Maps the call's utterance numbers to the client's, which continue over its connections. Without I/O."""

from __future__ import annotations

from typing import Final

import msgspec

from speechwire.server import codec as seam
from speechwire.server.own_socket import messages as wire

__all__ = ["Speeches"]

_MOST_KNOWN: Final = 256


class _Utterance(msgspec.Struct):
    """An utterance that the client knows."""

    number: int  # the client's
    skip_bytes: int = 0  # the client has these already
    sent_bytes: int = 0


class Speeches:
    """Numbers utterances for the client. Of a resumed utterance it leaves out the part the client has."""

    def __init__(self) -> None:
        self._frame_bytes = 2
        self._rate = 16000
        self._next = 0
        self._unfinished: dict[str, wire.UnfinishedSpeech] = {}
        self._known: dict[int, _Utterance] = {}

    def set_format(self, format: wire.AudioFormat) -> None:
        """Set the format of speech."""
        self._frame_bytes = format.frame_bytes
        self._rate = format.sample_rate

    def seconds(self, samples: int) -> float:
        """The duration of `samples` of speech."""
        return samples / self._rate

    def resume(self, message: wire.Resume) -> list[seam.Text]:
        """Return the texts that an earlier connection left unfinished, to be spoken again."""
        self._next = message.utterance
        texts = []
        for index, each in enumerate(message.speeches):
            key = each.id or f"/{index}"  # a text of the application has no id
            self._unfinished[key] = each
            texts.append(seam.Text(text=each.text, key=key))
        return texts

    def internal(self, number: int) -> int | None:
        """The call's number for one of the client's; ``None`` if unknown."""
        return next((mine for mine, each in self._known.items() if each.number == number), None)

    def start(self, value: seam.SpeechStarted) -> wire.SpeechStarted:
        """Begin an utterance, or resume one of an earlier connection."""
        before = self._unfinished.pop(value.key, None)
        number, received = self._next, 0
        if before is not None:
            received = before.received
        if before is not None and before.utterance is not None:
            number = before.utterance
        self._next = max(self._next, number + 1)
        self._known[value.utterance] = _Utterance(number, received * self._frame_bytes)
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        id = value.key if before is None else before.id
        return wire.SpeechStarted(utterance=number, id=id, text=value.text, sample=received)

    def audio(self, value: seam.Speech) -> list[str | bytes]:
        """Make the messages of a piece of speech."""
        utterance = self._known.get(value.utterance)
        if utterance is None:
            return []
        data = value.data[utterance.skip_bytes :] if utterance.skip_bytes else value.data
        utterance.skip_bytes -= len(value.data) - len(data)
        utterance.sent_bytes += len(value.data)
        step = wire.MAX_MESSAGE_BYTES - wire.MAX_MESSAGE_BYTES % self._frame_bytes
        return [data[at : at + step] for at in range(0, len(data), step)]

    def end(self, value: seam.SpeechEnded) -> list[str | bytes]:
        """Make the message that ends an utterance; none for an utterance that never began."""
        utterance = self._known.get(value.utterance)
        if utterance is None:
            return []
        ended = wire.SpeechEnded(
            utterance=utterance.number,
            samples=utterance.sent_bytes // self._frame_bytes,
            interrupted=value.interrupted,
        )
        return [wire.encode(ended)]

    def clear(self) -> None:
        """Forget the texts of the earlier connection."""
        self._unfinished.clear()
