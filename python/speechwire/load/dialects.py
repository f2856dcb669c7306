"""The protocols of callers: their first messages, their frames, and how they get captions."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from speechwire.load._wire import BINARY, TEXT, frame

__all__ = ["DIALECTS", "TWILIO_FIRST", "Dialect"]

_STREAM: Final = "MZ18ad3ab5a668481ce02b83e7395059f0"

TWILIO_FIRST: Final[Sequence[Mapping[str, Any]]] = (
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    {
        "event": "start",
        "streamSid": _STREAM,
        "start": {
            "streamSid": _STREAM,
            "accountSid": "AC0123456789abcdef0123456789abcdef",
            "callSid": "CA0123456789abcdef0123456789abcdef",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    },
)


def word_sample(word: int) -> int:
    """The s16 value that the emulator's tagged engine takes for a word: mu-law's, of that code (G.711)."""
    inverted = ~word & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return -4 * magnitude if inverted & 0x80 else 4 * magnitude


@dataclass(frozen=True)
class Dialect:
    """The messages of a caller.

    Attributes:
        name: Its name on the command line.
        path: The path it calls, with the query that makes the server send captions.
        first: Text messages that begin the call.
        last: Text messages that end it.
        frame_ms: Length of its frames.
        rate: Samples a second.
        is_mulaw: Whether audio is mu-law, else s16le.
        is_json: Whether audio goes as Twilio's ``media`` messages, else as binary messages.
        turn_key: The name of the caption's field that says which event it is.
    """

    name: str
    path: str
    first: Sequence[Mapping[str, Any]]
    last: Sequence[Mapping[str, Any]]
    frame_ms: int
    rate: int = 8000
    is_mulaw: bool = False
    is_json: bool = False
    turn_key: str = "type"
    _frames: dict[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def opening(self) -> bytes:
        """The first messages, as they go out."""
        return b"".join(frame(TEXT, json.dumps(message).encode()) for message in self.first)

    @property
    def goodbye(self) -> bytes:
        """The last messages, as they go out."""
        return b"".join(frame(TEXT, json.dumps(message).encode()) for message in self.last)

    def frame(self, word: int) -> bytes:
        """The encoded frame of a word; 0 is silence. Made once for all callers."""
        made = self._frames.get(word)
        if made is None:
            made = self._frames[word] = self._made(word)
        return made

    def _made(self, word: int) -> bytes:
        samples = self.rate * self.frame_ms // 1000
        if self.is_mulaw:
            audio = bytes([word or 0xFF]) * samples
        else:
            audio = struct.pack("<h", word_sample(word) if word else 0) * samples
        if not self.is_json:
            return frame(BINARY, audio)
        media = {
            "track": "inbound",
            "chunk": "1",
            "timestamp": "20",
            "payload": base64.b64encode(audio).decode(),
        }
        message = {"event": "media", "sequenceNumber": "2", "streamSid": _STREAM, "media": media}
        return frame(TEXT, json.dumps(message).encode())

    def turn(self, payload: bytes) -> str | None:
        """The transcript, if a message is the end of a turn."""
        if b"EndOfTurn" not in payload:
            return None
        message = json.loads(payload)
        return str(message["transcript"]) if message.get(self.turn_key) == "EndOfTurn" else None


def _named(*dialects: Dialect) -> dict[str, Dialect]:
    return {dialect.name: dialect for dialect in dialects}


DIALECTS: Final = _named(
    Dialect(
        name="twilio",
        path="/call/twilio?captions=1",
        first=TWILIO_FIRST,
        last=[{"event": "stop", "streamSid": _STREAM, "stop": {"accountSid": "AC", "callSid": "CA"}}],
        frame_ms=20,
        is_mulaw=True,
        is_json=True,
    ),
    Dialect(
        name="freeswitch",
        path="/call/freeswitch?sample_rate=16000",
        first=[{"uuid": "1"}],
        last=[],
        frame_ms=20,
        rate=16_000,
    ),
    Dialect(
        name="socket",
        path="/socket",
        first=[{"type": "Start", "version": 1, "format": {"encoding": "s16le", "sample_rate": 16_000}}],
        last=[{"type": "Close"}],
        frame_ms=80,
        rate=16_000,
        turn_key="event",
    ),
)
"""By name."""
