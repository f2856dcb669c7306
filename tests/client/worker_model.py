"""A worker that hears tagged audio: what it understands is a function of the samples alone.

Sample ``n`` of a call has the value ``n``. A word is `WORD` samples long, a turn `TURN_WORDS` words; word
``k`` is called ``k``. Speech of a text is a ramp that begins at the text's number. So whoever adds up what
was heard can tell any sample that is missing, comes twice or comes out of order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from speechwire.server import codec as seam
from speechwire.server.codec import Codec

RATE = 8000
WORD = 40
TURN_WORDS = 3
SPEECH_SAMPLES = 50
PIECE = 7


def tagged(begin: int, end: int) -> bytes:
    """The samples from `begin` to `end`."""
    return struct.pack(f"<{end - begin}h", *(value & 0x7FFF for value in range(begin, end)))


def speech_of(text: str) -> bytes:
    """What the worker says for a text that is a number."""
    return tagged(int(text) * 100, int(text) * 100 + SPEECH_SAMPLES)


class Worker:
    """Stands for the call behind a codec; it knows nothing but what this connection said."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.wrong: list[str] = []
        self.done = False
        self._at = 0  # position of the next sample
        self._begin = 0  # of the first
        self._rest = b""
        self._turn = 0
        self._words: list[int] = []
        self._texts: list[seam.Text] = []
        self._saying: Iterator[seam.Outgoing] | None = None
        self._utterance = 0

    def receive(self, message: str | bytes) -> list[str | bytes]:
        """Take one message and return the answers."""
        return [
            answer
            for incoming in self.codec.receive(message)
            for outgoing in self._incoming(incoming)
            for answer in self._sent(outgoing)
        ]

    def step(self) -> list[str | bytes]:
        """Say the next piece."""
        if self._saying is None and self._texts:
            self._saying = self._speech(self._texts.pop(0))
        outgoing = next(self._saying, None) if self._saying else None
        if outgoing is None:
            self._saying = None
            return []
        return self._sent(outgoing)

    @property
    def is_speaking(self) -> bool:
        return self._saying is not None or bool(self._texts)

    def _sent(self, outgoing: seam.Outgoing) -> list[str | bytes]:
        if isinstance(outgoing, seam.Acknowledged):
            assert outgoing.position_s <= self._at / RATE
        return self.codec.send(outgoing)

    def _incoming(self, incoming: seam.Incoming) -> list[seam.Outgoing]:
        match incoming:
            case seam.Started():
                self._at = self._begin = round(incoming.position_s * RATE)
                self._turn = incoming.turn_index
                return [seam.Accepted(call_id=incoming.call_id or "call", speech=incoming.speech)]
            case seam.Audio():
                return self._hear(incoming.data)
            case seam.Text():
                self._texts.append(incoming)
            case seam.Interrupt():
                self._texts.clear()
                self._saying = None
            case seam.Reply():
                return []
            case seam.Stopped():
                self.done = True
                return [*self._end_turn(), seam.Goodbye()]
            case seam.Malformed():
                self.wrong.append(incoming.reason)
        return []

    def _hear(self, data: bytes) -> list[seam.Outgoing]:
        said: list[seam.Outgoing] = []
        data = self._rest + data
        whole = len(data) // 2
        self._rest = data[whole * 2 :]
        for value in struct.unpack(f"<{whole}h", data[: whole * 2]):
            if value != self._at & 0x7FFF:
                self.wrong.append(f"sample {self._at} is {value}")
            self._at += 1
            if self._at % WORD == 0 and self._at - WORD >= self._begin:
                said += self._word(self._at // WORD - 1)
        return said

    def _word(self, word: int) -> list[seam.Outgoing]:
        self._words.append(word)
        first = len(self._words) == 1
        said: list[seam.Outgoing] = [self._caption("StartOfTurn" if first else "Update")]
        if (word + 1) % TURN_WORDS == 0:
            said += self._end_turn()
            said.append(seam.Acknowledged(position_s=self._at / RATE))
        return said

    def _end_turn(self) -> list[seam.Outgoing]:
        if not self._words:
            return []
        ended = self._caption("EndOfTurn")
        self._words = []
        self._turn += 1
        return [ended]

    def _caption(self, event: str) -> seam.Caption:
        return seam.Caption(
            event=event,
            turn_index=self._turn,
            transcript=" ".join(map(str, self._words)),
            words=tuple(
                seam.Word(word=str(word), start_s=word * WORD / RATE, end_s=(word + 1) * WORD / RATE)
                for word in self._words
            ),
            start_s=self._words[0] * WORD / RATE,
            end_s=(self._words[-1] + 1) * WORD / RATE,
        )

    def _speech(self, text: seam.Text) -> Iterator[seam.Outgoing]:
        utterance, self._utterance = self._utterance, self._utterance + 1
        audio = speech_of(text.text)
        yield seam.SpeechStarted(utterance=utterance, text=text.text, key=text.key)
        for at in range(0, len(audio), PIECE * 2):
            yield seam.Speech(data=audio[at : at + PIECE * 2], utterance=utterance)
        yield seam.SpeechEnded(utterance=utterance)
