"""FreeSWITCH's ``mod_audio_stream`` (github.com/amigniter/mod_audio_stream), and other plain PCM."""

from __future__ import annotations

from binascii import b2a_base64
from typing import Any

from speechwire.server._binary import BinaryCodec, json_object, json_text
from speechwire.server._captions import caption_text
from speechwire.server._formats import audio_format, bounded_parameters, integer
from speechwire.server.codec import (
    Audio,
    AudioFormat,
    Caption,
    Clear,
    Incoming,
    Malformed,
    Opening,
    Outgoing,
    Speech,
    Started,
)

__all__ = ["FreeswitchCodec"]

_DEFAULT = AudioFormat(encoding="s16le", sample_rate=8000)


class FreeswitchCodec(BinaryCodec):
    """L16 audio in binary messages, optionally after a metadata message.

    The module does not send the rate. The codec takes it from the URL (``?sample_rate=16000&channels=2``) or
    from JSON metadata with ``sampleRate`` and ``channels``; the default is 8000 Hz mono. Speech is sent as
    JSON ``streamAudio``, with ``?speech=raw`` as binary messages, and with ``?speech=off`` not at all.
    Captions are sent as JSON with the event ``caption``, which the module passes to FreeSWITCH's event
    socket; ``?captions=0`` turns that off. The protocol can neither clear speech nor report marks, so what
    was heard is estimated by the clock.
    """

    name = "freeswitch"

    def __init__(self, opening: Opening | None = None) -> None:
        super().__init__()
        self._query = (opening or Opening()).query
        self._rate = _DEFAULT.sample_rate

    def on_text(self, text: str) -> list[Incoming]:
        """Handle metadata, or a text of ``send_text``."""
        if self.started:
            return []
        message = json_object(text)
        return self._start(message if message is not None else {"metadata": text})

    def on_early_audio(self, data: bytes) -> list[Incoming]:
        """Start the call with the first audio, where no metadata came."""
        started = self._start({})
        return [*started, Audio(data=data)] if self.started and data else started

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        if isinstance(outgoing, Speech):
            pieces = self.framing.push(outgoing.data)
            raw = self._query.get("speech") == "raw"
            return pieces if raw else [self._stream_audio(piece) for piece in pieces]
        if isinstance(outgoing, Clear):
            return [json_text(type="killAudio")]
        if isinstance(outgoing, Caption) and self._query.get("captions") != "0":
            return [caption_text(outgoing)]
        return []

    def _start(self, message: dict[str, Any]) -> list[Incoming]:
        rate = integer(self._query.get("sample_rate")) or message.get("sampleRate")
        channels = integer(self._query.get("channels")) or message.get("channels")
        form = audio_format(
            self._query.get("encoding", ""),
            rate if isinstance(rate, int) else None,
            channels if isinstance(channels, int) else None,
            _DEFAULT,
        )
        if form is None:
            return [Malformed(reason="an audio format out of range")]
        self._rate = form.sample_rate
        speech = AudioFormat(encoding="s16le", sample_rate=form.sample_rate)
        started = Started(
            call_id=str(message.get("uuid", message.get("callid", "")))[:128],
            format=form,
            speech=None if self._query.get("speech") == "off" else speech,
            parameters=bounded_parameters(message),
        )
        return self.start(started)

    def _stream_audio(self, piece: str | bytes) -> str:
        data = piece if isinstance(piece, bytes) else piece.encode()
        payload = b2a_base64(data, newline=False).decode("ascii")
        return json_text(
            type="streamAudio",
            data={"audioDataType": "raw", "sampleRate": self._rate, "audioData": payload},
        )
