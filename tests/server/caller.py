"""The caller's side of a call, whatever the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Caller", "Heard", "Message"]

Message = str | bytes


@dataclass
class Heard:
    """What a caller was sent.

    Attributes:
        speech: Audio, in order.
        pieces: The sizes it came in.
        marks: Names, in order, with how much speech came before.
        clears: How much speech came before each.
        captions: Messages of that kind.
        others: Everything else.
    """

    speech: bytearray = field(default_factory=bytearray)
    pieces: list[int] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)
    clears: list[int] = field(default_factory=list)
    captions: list[dict[str, Any]] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)

    def say(self, data: bytes) -> None:
        self.speech += data
        self.pieces.append(len(data))


class Caller:
    """One call of a provider."""

    name = ""
    path = "/call"
    encoding = "mulaw"
    rate = 8000
    frame_ms = 20
    subprotocol: str | None = None

    def __init__(self) -> None:
        self.heard = Heard()
        self.sequence = 0
        self.chunk = 0

    @property
    def frame_bytes(self) -> int:
        width = 2 if self.encoding == "s16le" else 1
        return self.rate * width * self.frame_ms // 1000

    def first(self) -> list[Message]:
        raise NotImplementedError

    def audio(self, data: bytes) -> Message:
        return data

    def digit(self, digit: str) -> Message:
        raise NotImplementedError

    def mark_played(self, name: str) -> Message | None:
        return None

    def stop(self) -> list[Message]:
        return []

    def take(self, message: Message) -> None:
        raise NotImplementedError

    def frames(self, audio: bytes) -> list[bytes]:
        return [audio[at : at + self.frame_bytes] for at in range(0, len(audio), self.frame_bytes)]
