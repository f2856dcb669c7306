"""The differences between the JSON media protocols, one row for each."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from speechwire.server._json_messages import Message, Start
from speechwire.server.codec import AudioFormat

__all__ = ["DIALECTS", "JsonDialect", "dialect_of"]

_MULAW = AudioFormat(encoding="mulaw", sample_rate=8000)
_L16 = AudioFormat(encoding="s16le", sample_rate=8000)

_json = msgspec.json.encode


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonDialect:
    """One provider's names and rules.

    Attributes:
        name: The name in logs, metrics and paths.
        stream_id: Reads the stream's id from a start message.
        call_id: Reads the call's id from a start message.
        default: The format where a start message names none.
        id_field: The field for the stream's id in messages we send; empty where the provider wants none.
        media: The event name of speech that we send.
        mark: The event name that asks for a mark.
        clear: The event name that clears the provider's buffer.
        played: The event name that answers a mark.
        speech_limit_s: The longest speech in one message, in seconds.
        is_reordered: Whether messages may arrive out of order.
    """

    name: str
    stream_id: Callable[[Message, Start], str]
    call_id: Callable[[Start], str]
    default: AudioFormat = field(default=_MULAW)
    id_field: str = "streamSid"
    media: str = "media"
    mark: str = "mark"
    clear: str = "clear"
    played: str = "mark"
    speech_limit_s: float = 0.2
    is_reordered: bool = False

    def speech(self, stream: str, form: AudioFormat, data: bytes) -> str:
        """The message that carries speech."""
        payload = b2a_base64(data, newline=False).decode("ascii")
        body: dict[str, object] = {"payload": payload}
        if self.media == "playAudio":
            kind = "audio/x-l16" if form.encoding == "s16le" else f"audio/x-{form.encoding}"
            body = {"contentType": kind, "sampleRate": form.sample_rate, "payload": payload}
        return self._message(self.media, stream, media=body)

    def mark_after(self, stream: str, name: str) -> str:
        """The message that asks for a mark when everything before it has been played."""
        if self.mark == "checkpoint":
            return self._message(self.mark, stream, name=name)
        return self._message(self.mark, stream, mark={"name": name})

    def clearing(self, stream: str) -> str:
        """The message that makes the provider discard the speech it has not played."""
        return self._message(self.clear, stream)

    def _message(self, event: str, stream: str, **rest: object) -> str:
        named = {self.id_field: stream} if self.id_field else {}
        return _json({"event": event, **named, **rest}).decode()


_TWILIO = JsonDialect(
    name="twilio",
    stream_id=lambda message, start: message.streamSid or start.streamSid,
    call_id=lambda start: start.callSid,
)

DIALECTS: Final[Mapping[str, JsonDialect]] = {
    "twilio": _TWILIO,
    "signalwire": JsonDialect(name="signalwire", stream_id=_TWILIO.stream_id, call_id=_TWILIO.call_id),
    "telnyx": JsonDialect(
        name="telnyx",
        stream_id=lambda message, start: message.stream_id,
        call_id=lambda start: start.call_control_id,
        id_field="",
        is_reordered=True,
    ),
    "plivo": JsonDialect(
        name="plivo",
        stream_id=lambda message, start: start.streamId or message.streamId,
        call_id=lambda start: start.callId,
        default=_L16,
        id_field="streamId",
        media="playAudio",
        mark="checkpoint",
        clear="clearAudio",
        played="playedStream",
    ),
    "exotel": JsonDialect(
        name="exotel",
        stream_id=lambda message, start: message.stream_sid or start.stream_sid,
        call_id=lambda start: start.call_sid,
        default=_L16,
        id_field="stream_sid",
    ),
}


def dialect_of(message: Message) -> JsonDialect | None:
    """Return the provider that sends such a start message, or ``None`` if no provider does."""
    start = message.start
    if start is None:
        return None
    if message.stream_id or start.call_control_id:
        return DIALECTS["telnyx"]
    if message.stream_sid or start.stream_sid:
        return DIALECTS["exotel"]
    if message.streamSid or start.streamSid:
        # Twilio's accounts are AC and 32 hexadecimal digits; SignalWire's are UUIDs.
        is_twilio = not start.accountSid or start.accountSid.startswith("AC")
        return DIALECTS["twilio" if is_twilio else "signalwire"]
    if message.streamId or start.streamId:
        return DIALECTS["plivo"]
    return None
