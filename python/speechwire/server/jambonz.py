"""jambonz ``listen`` (docs.jambonz.org/verbs/verbs/listen)."""

from __future__ import annotations

from typing import Any, Final

from speechwire.server._binary import BinaryCodec, json_object, json_text
from speechwire.server._formats import audio_format, bounded_parameters, integer
from speechwire.server.codec import (
    AudioFormat,
    Clear,
    Digit,
    Goodbye,
    Incoming,
    Malformed,
    Mark,
    MarkPlayed,
    Opening,
    Outgoing,
    Speech,
    Started,
)

__all__ = ["SUBPROTOCOL", "JambonzCodec"]

SUBPROTOCOL: Final = "audio.jambonz.org"
_DEFAULT = AudioFormat(encoding="s16le", sample_rate=8000)


class JambonzCodec(BinaryCodec):
    """L16 audio, mono or stereo, after one message with the call's attributes.

    Speech is sent as binary messages, which jambonz plays with ``bidirectionalAudio.streaming``. Its rate is
    the URL's ``speech_rate`` or the metadata's ``speechRate``, else the rate of the call's audio. Set
    ``bidirectionalAudio.sampleRate`` to the same rate.
    """

    name = "jambonz"

    def __init__(self, opening: Opening | None = None) -> None:
        super().__init__()
        self._opening = opening or Opening()

    def on_text(self, text: str) -> list[Incoming]:
        """Handle the first message, or an event."""
        message = json_object(text)
        if message is None:
            return [Malformed(reason="text that is no JSON object")]
        if not self.started:
            return self._on_attributes(message)
        if message.get("event") == "dtmf":
            return [Digit(digit=str(message.get("dtmf", ""))[:1])] if message.get("dtmf") else []
        data = message.get("data")
        if message.get("type") == "mark" and isinstance(data, dict):
            return [MarkPlayed(name=str(data.get("name", "")))]
        return []

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        if isinstance(outgoing, Speech):
            return self.framing.push(outgoing.data)
        if isinstance(outgoing, Mark):
            return [json_text(type="mark", data={"name": outgoing.name})]
        if isinstance(outgoing, Clear):
            return [json_text(type="killAudio")]
        if isinstance(outgoing, Goodbye):
            return [json_text(type="disconnect")]
        return []

    def _on_attributes(self, message: dict[str, Any]) -> list[Incoming]:
        rate = message.get("sampleRate")
        channels = 2 if message.get("mixType") == "stereo" else 1
        form = audio_format("", rate if isinstance(rate, int) else None, channels, _DEFAULT)
        wanted = integer(self._opening.query.get("speech_rate")) or message.get("speechRate")
        speech = audio_format("", wanted if isinstance(wanted, int) else None, 1, form or _DEFAULT)
        if form is None or speech is None:
            return [Malformed(reason="a sample rate out of range")]
        flat = {name: value for name, value in message.items() if isinstance(value, str | int | float)}
        started = Started(
            call_id=str(message.get("callSid", ""))[:128],
            format=form,
            speech=speech,
            parameters=bounded_parameters(flat),
        )
        return self.start(started)
