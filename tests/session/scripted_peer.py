"""Peers that hear counted audio and say exactly what a test wants, when it wants it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.session.counted import RATE, SAMPLE_BYTES, indices

from speechwire.transport import CloseEvent, MemoryPeer

Word = tuple[str, float, float]


class HungUp(Exception):
    """The client has gone: the script of this connection is over."""


class Line:
    """One connection.

    Args:
        peer: The server's end.

    Attributes:
        order: What came after what: ``audio``, ``silence`` or the type of a message; repeats are one.
        told: The messages that came.
        largest_bytes: The largest frame of audio.
        turns_ended: How many turns have ended here.
    """

    def __init__(self, peer: MemoryPeer) -> None:
        self.peer = peer
        self.order: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.largest_bytes = 0
        self._heard = self._silence = 0  # samples
        self._spans: list[tuple[int, int]] = []
        self.turns_ended = 0
        self._sequence_id = 0

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Audio of the caller that came, in seconds of the caller's clock; what follows on is one."""
        return [(begin / RATE, end / RATE) for begin, end in self._spans]

    @property
    def heard_s(self) -> float:
        """How much audio came, silence that was put in included."""
        return self._heard / RATE

    @property
    def silence_s(self) -> float:
        """How much of it was put in."""
        return self._silence / RATE

    @property
    def url(self) -> str:
        """What the client asked for."""
        return self.peer.request.url

    def say(self, **message: Any) -> None:
        """Send a message, numbered as Flux numbers them."""
        self.peer.send(json.dumps({**message, "sequence_id": self._sequence_id}))
        self._sequence_id += 1
        self.turns_ended += message.get("event") == "EndOfTurn"

    def heard_of(self, *words: Word) -> tuple[Word, ...]:
        """Those of the words, given in the caller's time, that came whole; at this connection's times."""
        return tuple(
            (word, position_s + start - begin, position_s + end - begin)
            for position_s, (begin, last) in self._placed_spans()
            for word, start, end in words
            if begin <= start and end <= last
        )

    async def hear(self, seconds: float) -> None:
        """Read until so much audio has come on this connection."""
        while self.heard_s < seconds:
            await self._read()

    async def hear_more(self) -> None:
        """Read one more frame."""
        await self._read()

    async def wait_for(self, kind: str) -> None:
        """Read until one more message of this type comes."""
        count = self.count(kind)
        while self.count(kind) == count:
            await self._read()

    async def listen(self) -> None:
        """Read until the client goes."""
        await self.hear(math.inf)

    def count(self, kind: str) -> int:
        """How many messages of this type came."""
        return sum(message["type"] == kind for message in self.told)

    def _placed_spans(self) -> Iterator[tuple[float, tuple[float, float]]]:
        assert not self.silence_s, "where it was put in is not kept"
        position_s = 0.0
        for begin, end in self.spans:
            yield position_s, (begin, end)
            position_s += end - begin

    async def _read(self) -> None:
        frame = await self.peer.receive()
        if isinstance(frame, CloseEvent):
            raise HungUp
        if isinstance(frame, str):
            self.told.append(json.loads(frame))
            self._note(self.told[-1]["type"])
            return
        self.largest_bytes = max(self.largest_bytes, len(frame))
        self._heard += len(frame) // SAMPLE_BYTES
        if any(frame):
            self._note("audio")
            self._note_span(frame)
        else:
            self._note("silence")
            self._silence += len(frame) // SAMPLE_BYTES

    def _note(self, what: str) -> None:
        if not self.order or self.order[-1] != what:
            self.order.append(what)

    def _note_span(self, frame: bytes) -> None:
        begin = int(indices(frame)[0])
        end = begin + len(frame) // SAMPLE_BYTES
        if self._spans and self._spans[-1][1] == begin:
            begin = self._spans.pop()[0]
        self._spans.append((begin, end))


Script = Callable[[Line], Awaitable[None]]


class Scripted:
    """Runs one script for each connection, the last one for all that follow.

    A script that returns leaves its connection open and silent, as a stalled server does.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self.lines: list[Line] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        line = Line(peer)
        self.lines.append(line)
        if "/v2/" in line.url:
            line.say(type="Connected", request_id=f"r{peer.number}")
        with contextlib.suppress(HungUp):
            await self._scripts[min(peer.number, len(self._scripts) - 1)](line)


def results(end: float, *words: Word, start: float = 0.0, **more: Any) -> dict[str, Any]:
    """A result of ``/v1/listen``, interim unless ``is_final`` says otherwise."""
    return {
        "type": "Results",
        "start": start,
        "duration": end - start,
        "channel_index": [0, 1],
        "is_final": False,
        "channel": {"alternatives": [_alternative(words)]},
        **more,
    }


def turn(
    event: str, end: float, *words: Word, index: int = 0, start: float = 0.0, **more: Any
) -> dict[str, Any]:
    """A ``TurnInfo`` of Flux."""
    return {
        "type": "TurnInfo",
        "request_id": "r",
        "event": event,
        "turn_index": index,
        "audio_window_start": start,
        "audio_window_end": end,
        "end_of_turn_confidence": 0.9,
        **_alternative(words),
        **more,
    }


def _alternative(words: tuple[Word, ...]) -> dict[str, Any]:
    return {
        "transcript": " ".join(word for word, _, _ in words),
        "confidence": 0.9,
        "words": [
            {"word": word, "confidence": 0.9, "start": start, "end": end} for word, start, end in words
        ],
    }


async def finish(line: Line) -> None:
    """Wait for ``CloseStream`` and end as the service does, with nothing more to say."""
    await line.wait_for("CloseStream")
    end_well(line)


def end_well(line: Line, *words: Word) -> None:
    """End as the service does after ``CloseStream``: last results, then the end."""
    if "/v2/" in line.url:
        line.say(**turn("Update", line.heard_s, *words, index=line.turns_ended))
        line.peer.close(1005)
    else:
        line.say(**results(line.heard_s, *words, is_final=True, speech_final=True))
        line.say(type="Metadata", request_id="r", duration=line.heard_s, channels=1)
        line.peer.close(1000)


def then_recognise(*words: Word) -> Script:
    """A connection that reports what it has heard of these words once it is asked for the end."""

    async def script(line: Line) -> None:
        await line.wait_for("CloseStream")
        heard = line.heard_of(*words)
        if "/v2/" in line.url and heard:
            line.say(**turn("StartOfTurn", line.heard_s, *heard))
            line.say(**turn("EndOfTurn", line.heard_s, *heard, trigger="timeout"))
            end_well(line)
        else:
            end_well(line, *heard)

    return script


class Chunks:
    """A converter that gives out chunks of one size; what is left waits for the flush."""

    def __init__(self, chunk_s: float) -> None:
        self._size = round(chunk_s * RATE) * SAMPLE_BYTES
        self._rest = b""

    def push(self, pcm: bytes, /) -> list[bytes]:
        data = self._rest + pcm
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> list[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else []
