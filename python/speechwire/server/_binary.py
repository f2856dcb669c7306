"""The common part of the binary protocols: audio in binary messages, control in text messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from speechwire.server._formats import SILENCE
from speechwire.server.codec import Audio, AudioFormat, Incoming, Malformed, Started

__all__ = ["BinaryCodec", "SpeechFraming", "json_object", "json_text"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class SpeechFraming:
    """Cuts speech into messages.

    Args:
        form: The format of the speech.
        frame_bytes: The exact size of each message; incomplete messages wait. ``None`` allows any size.
        limit_bytes: The largest message where any size is allowed.
    """

    def __init__(
        self, form: AudioFormat, *, frame_bytes: int | None = None, limit_bytes: int = 32_000
    ) -> None:
        self._silence = SILENCE[form.encoding]
        self._frame_bytes = frame_bytes
        self._limit_bytes = limit_bytes - limit_bytes % form.frame_bytes
        self._rest = b""

    def push(self, data: bytes) -> list[str | bytes]:
        """Add speech, and return the messages that are complete."""
        size = self._frame_bytes or self._limit_bytes
        if self._frame_bytes:
            data = self._rest + data
            whole = len(data) - len(data) % size
            data, self._rest = data[:whole], data[whole:]
        return [data[at : at + size] for at in range(0, len(data), size)]

    def finish(self) -> list[str | bytes]:
        """Return the last message, filled up with silence; no message where nothing waits."""
        rest, self._rest = self._rest, b""
        return [rest.ljust(self._frame_bytes or 0, self._silence)] if rest else []

    def clear(self) -> None:
        """Drop the speech that waits."""
        self._rest = b""


class BinaryCodec:
    """Common part of the codecs whose audio comes in binary messages.

    Attributes:
        started: Whether :class:`Started` has been returned.
        stopped: Whether the caller has ended its audio.
    """

    def __init__(self) -> None:
        self.started = False
        self.stopped = False
        self.framing = SpeechFraming(AudioFormat())

    def receive(self, message: str | bytes) -> list[Incoming]:
        """See :class:`speechwire.server.codec.Codec`."""
        if isinstance(message, str):
            return [] if self.stopped else self.on_text(message)
        if not self.started:
            return self.on_early_audio(message)
        return [Audio(data=message)] if message and not self.stopped else []

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        """Return nothing: texts are control messages."""
        return b""

    def on_text(self, text: str) -> list[Incoming]:
        """A text message."""
        raise NotImplementedError

    def on_early_audio(self, data: bytes) -> list[Incoming]:
        """A binary message that came before :class:`Started`."""
        return [Malformed(reason="audio before the first message")]

    def start(self, started: Started, *, frame_ms: int | None = None) -> list[Incoming]:
        """Return `started`; a second start is :class:`Malformed`."""
        if self.started:
            return [Malformed(reason="a second first message")]
        self.started = True
        form = started.speech or started.format
        frame_bytes = form.bytes_per_s * frame_ms // 1000 if frame_ms else None
        self.framing = SpeechFraming(form, frame_bytes=frame_bytes)
        return [started]


def json_object(text: str) -> dict[str, Any] | None:
    """Parse a JSON object; return ``None`` for anything else."""
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def json_text(**values: object) -> str:
    """Write the arguments as a JSON object."""
    return _encode(values).decode()
