"""The speaking side of the server: audio for every ``Flush``, faster than it is played."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from benches.python.streams.websocket import BINARY, TEXT, encode, header
from benches.python.streams.wheel import Wheel

__all__ = ["MAGIC", "Speaking"]

_CHARACTER_S = 0.06
_RATE = 24_000
_CHUNK_S = 0.1
# The service synthesizes several times as fast as it is played.
_EVERY_S = 0.02
_CHUNK_BYTES = int(_CHUNK_S * _RATE) * 2
MAGIC = b"\x01\x7f\x02\x7e\x03\x7d\x04\x7c"
_CHUNK_HEAD = header(BINARY, _CHUNK_BYTES) + MAGIC
_CHUNK_REST = bytes(_CHUNK_BYTES - len(MAGIC) - 8)
_REQUEST_ID = "5f0a7c1e-3b5d-4a77-9f0e-2f6f1f0c9d11"


class Counted(Protocol):
    """Where the audio is counted."""

    spoken_bytes: int


class Speaking:
    """One connection's voice.

    Args:
        wheel: The timer.
        write: The way back.
        journal: Where the audio sent is counted.
    """

    def __init__(self, wheel: Wheel, write: Callable[[bytes], None], journal: Counted) -> None:
        self._wheel = wheel
        self._write = write
        self._journal = journal
        self._characters = 0
        self._flushes = 0
        self._waiting: deque[int] = deque()
        self._stopped = False

    def metadata(self) -> bytes:
        """The first message."""
        return _text({"type": "Metadata", "request_id": _REQUEST_ID, "model_name": "aura-2-thalia-en"})

    def stop(self) -> None:
        """The connection is gone."""
        self._stopped = True

    def receive(self, kind: str, content: dict[str, Any]) -> None:
        """Take one text message."""
        if kind == "Speak":
            self._characters += len(content["text"])
        elif kind == "Flush":
            self._waiting.append(round(self._characters * _CHARACTER_S / _CHUNK_S))
            self._characters = 0
            if len(self._waiting) == 1:
                self._wheel.later(_CHUNK_S, self._speak, None)

    def _speak(self, _: None) -> None:
        if self._stopped:
            return
        if self._waiting[0]:
            self._waiting[0] -= 1
            stamp = (time.monotonic_ns() // 1000).to_bytes(8, "little")
            self._write(_CHUNK_HEAD + stamp + _CHUNK_REST)
            self._journal.spoken_bytes += _CHUNK_BYTES
        else:
            self._waiting.popleft()
            self._write(_text({"type": "Flushed", "sequence_id": self._flushes}))
            self._flushes += 1
        if self._waiting:
            self._wheel.later(_EVERY_S, self._speak, None)


def _text(content: dict[str, Any]) -> bytes:
    return encode(TEXT, json.dumps(content).encode())
