"""Vonage Voice over WebSocket (developer.vonage.com/voice/voice-api/concepts/websockets)."""

from __future__ import annotations

from speechwire.server._binary import BinaryCodec, json_object, json_text
from speechwire.server._formats import audio_format, bounded_parameters
from speechwire.server.codec import (
    AudioFormat,
    Clear,
    Cleared,
    Digit,
    Incoming,
    Malformed,
    Mark,
    MarkPlayed,
    Opening,
    Outgoing,
    Speech,
    SpeechEnded,
    Started,
)

__all__ = ["VonageCodec"]

_FRAME_MS = 20
_DEFAULT = AudioFormat(encoding="s16le", sample_rate=16000)


class VonageCodec(BinaryCodec):
    """L16 audio in messages of exactly 20 ms, both ways. Marks are ``notify`` actions."""

    name = "vonage"

    def __init__(self, opening: Opening | None = None) -> None:
        super().__init__()

    def on_text(self, text: str) -> list[Incoming]:
        """Handle a control message."""
        message = json_object(text)
        if message is None:
            return [Malformed(reason="text that is no JSON object")]
        match message.get("event"):
            case "websocket:connected":
                return self._on_connected(message)
            case "websocket:dtmf":
                digit = message.get("digit")
                return [Digit(digit=digit[:1])] if isinstance(digit, str) and digit else []
            case "websocket:cleared":
                return [Cleared()]
            case "websocket:notify":
                return self._on_notify(message)
        return []

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        if isinstance(outgoing, Speech):
            return self.framing.push(outgoing.data)
        if isinstance(outgoing, SpeechEnded):
            return self.framing.finish()
        if isinstance(outgoing, Mark):
            return [json_text(action="notify", payload={"mark": outgoing.name})]
        if isinstance(outgoing, Clear):
            self.framing.clear()
            return [json_text(action="clear")]
        return []

    def _on_connected(self, message: dict[str, object]) -> list[Incoming]:
        form = audio_format(str(message.get("content-type", "")), None, None, _DEFAULT)
        if form is None:
            return [Malformed(reason="an audio format that is not known")]
        own = ("event", "content-type")
        parameters = bounded_parameters({k: v for k, v in message.items() if k not in own})
        call_id = parameters.get("uuid") or parameters.get("call_uuid") or ""
        started = Started(call_id=call_id, format=form, speech=form, parameters=parameters)
        return self.start(started, frame_ms=_FRAME_MS)

    def _on_notify(self, message: dict[str, object]) -> list[Incoming]:
        payload = message.get("payload")
        name = payload.get("mark") if isinstance(payload, dict) else None
        return [MarkPlayed(name=name)] if isinstance(name, str) else []
