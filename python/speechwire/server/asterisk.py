"""Asterisk's ``chan_websocket`` (docs.asterisk.org/Configuration/Channel-Drivers/WebSocket).

Control messages are plain text or, with a newer option, JSON objects. The codec writes the kind it received.
"""

from __future__ import annotations

from typing import Final

from speechwire.server._binary import BinaryCodec, json_object, json_text
from speechwire.server._formats import audio_format, bounded_parameters
from speechwire.server.codec import (
    AudioFormat,
    Clear,
    Digit,
    Flow,
    Goodbye,
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

__all__ = ["SUBPROTOCOL", "AsteriskCodec"]

SUBPROTOCOL: Final = "media"
_DEFAULT = AudioFormat(encoding="mulaw", sample_rate=8000)
# G.722, Opus and other codecs are not decoded here.
_KNOWN = ("ulaw", "alaw", "slin")


class AsteriskCodec(BinaryCodec):
    """Audio in ulaw, alaw or slin. Asterisk splits and paces the speech that it gets."""

    name = "asterisk"

    def __init__(self, opening: Opening | None = None) -> None:
        super().__init__()
        self._is_json = False
        self._buffering = False

    def on_text(self, text: str) -> list[Incoming]:
        """Handle a notification."""
        fields = _fields(text)
        if fields is None:
            return [Malformed(reason="a control message that cannot be read")]
        event = fields.get("event")
        if event == "MEDIA_START":
            self._is_json = text.lstrip().startswith("{")
            return self._on_start(fields)
        if event == "DTMF_END" and fields.get("digit"):
            return [Digit(digit=fields["digit"][:1])]
        if event in ("MEDIA_XOFF", "MEDIA_XON"):
            return [Flow(paused=event == "MEDIA_XOFF")]
        if event == "MEDIA_MARK_PROCESSED":
            return [MarkPlayed(name=fields.get("correlation_id") or fields.get("id") or "")]
        return []

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        if isinstance(outgoing, Speech):
            begin = [] if self._buffering else [self._command("START_MEDIA_BUFFERING")]
            self._buffering = True
            return [*begin, *self.framing.push(outgoing.data)]
        if isinstance(outgoing, SpeechEnded) and self._buffering:
            self._buffering = False
            return [self._command("STOP_MEDIA_BUFFERING", f"utterance-{outgoing.utterance}")]
        if isinstance(outgoing, Mark):
            return [self._command("MARK_MEDIA", outgoing.name)]
        if isinstance(outgoing, Clear):
            self._buffering = False
            return [self._command("FLUSH_MEDIA")]
        if isinstance(outgoing, Goodbye):
            return [self._command("HANGUP")]
        return []

    def _on_start(self, fields: dict[str, str]) -> list[Incoming]:
        encoding = fields.get("format", "ulaw")
        # "slin" without a number means 8000 Hz, which is the default's rate.
        form = audio_format(encoding, None, None, _DEFAULT) if encoding.startswith(_KNOWN) else None
        if form is None:
            return [Malformed(reason="an audio format that is not known")]
        parameters = bounded_parameters({k: v for k, v in fields.items() if k != "event"})
        call_id = fields.get("channel_id") or fields.get("connection_id", "")
        return self.start(Started(call_id=call_id[:128], format=form, speech=form, parameters=parameters))

    def _command(self, command: str, correlation_id: str = "") -> str:
        if self._is_json:
            extra = {"correlation_id": correlation_id} if correlation_id else {}
            return json_text(command=command, **extra)
        return f"{command} {correlation_id}".rstrip()


def _fields(text: str) -> dict[str, str] | None:
    """Parse a notification: its name as ``event``, and its fields."""
    if text.lstrip().startswith("{"):
        message = json_object(text)
        if message is None or not isinstance(message.get("event"), str):
            return None
        variables = message.pop("channel_variables", None)
        return bounded_parameters(message, variables if isinstance(variables, dict) else {})
    name, *words = text.split()[:64] or [""]
    if not name.isascii() or not name.replace("_", "").isalpha():
        return None
    pairs = dict(word.partition(":")[::2] for word in words if ":" in word)
    bare = next((word for word in words if ":" not in word), "")
    return bounded_parameters({"id": bare or None}, pairs, {"event": name})
