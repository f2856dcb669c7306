"""Telephony over JSON: Twilio, SignalWire, Telnyx, Plivo and Exotel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from speechwire.server._captions import caption_text
from speechwire.server._formats import SILENCE, audio_format, bounded_parameters
from speechwire.server._json_dialects import DIALECTS, JsonDialect, dialect_of
from speechwire.server._json_messages import (
    Media,
    MediaFormat,
    Message,
    Start,
    decode_frame,
    decode_message,
)
from speechwire.server._reorder import Reorder
from speechwire.server.codec import (
    Audio,
    Caption,
    Clear,
    Cleared,
    Digit,
    Incoming,
    Malformed,
    Mark,
    MarkPlayed,
    Opening,
    Outgoing,
    PeerError,
    Speech,
    Started,
    Stopped,
)

__all__ = ["JsonMediaCodec"]


class JsonMediaCodec:
    """One connection of one of these providers.

    Args:
        dialect: The provider; ``None`` to find out from the start message.
        opening: ``captions=1`` in its query sends captions as messages with the event ``caption``. No
            provider knows these; they are for simulators and tests.

    The caller's parameter ``speech=off`` marks a one-way stream. Twilio's ``<Start>`` refuses messages (error
    31924), and its start message does not differ from that of ``<Connect>``.
    """

    def __init__(self, dialect: JsonDialect | None = None, opening: Opening | None = None) -> None:
        self._dialect = dialect
        self._sends_captions = opening is not None and opening.query.get("captions") == "1"
        self._stream = ""
        self._speech_format = DIALECTS["twilio"].default
        self._piece_bytes = 0
        self._started = False
        self._stopped = False
        self._reorder: Reorder | None = None
        self._is_plain = False  # audio comes in order: only the payload of a media message is needed

    @property
    def name(self) -> str:
        """The dialect's name."""
        return self._dialect.name if self._dialect else "json"

    def receive(self, message: str | bytes) -> list[Incoming]:
        """See :class:`speechwire.server.codec.Codec`."""
        try:
            if self._is_plain and (audio := _audio_of(message)) is not None:
                return [Audio(data=audio)] if audio else []
            decoded = decode_message(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return [Malformed(reason=f"no message of this protocol: {type(error).__name__}")]
        if decoded.media is not None and decoded.event == "media":
            return self._on_media(decoded.media)
        return self._on_event(decoded)

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        """See :class:`speechwire.server.codec.Codec`."""
        if not self._is_plain:
            return b""
        try:
            audio = [_audio_of(text) or b"" for text in texts]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return b""
        return b"".join(audio) if all(audio) else b""

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        dialect = self._dialect
        if isinstance(outgoing, Caption):
            return [caption_text(outgoing)] if self._sends_captions and self._started else []
        if dialect is None or self._stopped:
            return []
        if isinstance(outgoing, Speech):
            return self._speech(dialect, outgoing.data)
        if isinstance(outgoing, Mark):
            return [dialect.mark_after(self._stream, outgoing.name)]
        if isinstance(outgoing, Clear):
            return [dialect.clearing(self._stream)]
        return []

    def _speech(self, dialect: JsonDialect, data: bytes) -> list[str | bytes]:
        size = self._piece_bytes or len(data)
        return [
            dialect.speech(self._stream, self._speech_format, data[at : at + size])
            for at in range(0, len(data), size)
        ]

    def _on_media(self, media: Media) -> list[Incoming]:
        if not self._started:
            return [Malformed(reason="audio before the start message")]
        if self._stopped or media.track.startswith("outbound") or not media.payload:
            return []
        if self._reorder is None:
            return [Audio(data=media.payload)]
        return [Audio(data=data) for data in self._reorder.push(media.chunk, media.payload)]

    def _on_event(self, message: Message) -> list[Incoming]:
        dialect, event = self._dialect, message.event
        if event == "start":
            return self._on_start(message)
        if event == "dtmf" and message.dtmf is not None:
            return [Digit(digit=str(message.dtmf.digit)[:1])]
        if event == "stop":
            return self._on_stop(message)
        if dialect is not None and event == dialect.played:
            return [MarkPlayed(name=message.mark.name if message.mark else message.name)]
        if event == "clearedAudio":
            return [Cleared()]
        if event == "error":
            return [PeerError(description=str(message.payload or message.reason)[:200])]
        # Providers add events: an unknown one must not end a call.
        return []

    def _on_start(self, message: Message) -> list[Incoming]:
        start = message.start
        found = dialect_of(message)
        dialect = self._dialect or found
        if start is None or dialect is None:
            return [Malformed(reason="a start message of no known provider")]
        if self._started:
            return [Malformed(reason="a second start message")]
        given = start.mediaFormat or start.media_format or MediaFormat()
        form = audio_format(
            given.encoding, given.sampleRate or given.sample_rate, given.channels, dialect.default
        )
        if form is None:
            return [Malformed(reason="an audio format that is not known")]
        self._dialect, self._started = dialect, True
        self._stream = dialect.stream_id(message, start)
        self._speech_format = msgspec.structs.replace(form, channels=1)
        self._piece_bytes = int(form.sample_rate * dialect.speech_limit_s) * self._speech_format.frame_bytes
        if dialect.is_reordered:
            self._reorder = Reorder(silence=SILENCE[form.encoding])
        self._is_plain = self._reorder is None
        parameters = _parameters(message, start)
        one_way = parameters.get("speech") == "off" or len(start.tracks) > 1
        return [
            Started(
                call_id=dialect.call_id(start),
                format=form,
                speech=None if one_way else self._speech_format,
                parameters=parameters,
            )
        ]

    def _on_stop(self, message: Message) -> list[Incoming]:
        self._stopped, self._is_plain = True, False
        rest = self._reorder.flush() if self._reorder else []
        reason = message.reason or ""
        return [*(Audio(data=data) for data in rest), Stopped(reason=reason[:200])]


def _audio_of(message: str | bytes) -> bytes | None:
    """The caller's audio of a media message, empty if there is none; ``None`` for any other message."""
    frame = decode_frame(message)
    media = frame.media
    if frame.event != "media" or media is None:
        return None
    return b"" if media.track.startswith("outbound") else media.payload


def _parameters(message: Message, start: Start) -> dict[str, str]:
    custom = (start.customParameters, start.custom_parameters, _headers(message.extra_headers))
    return bounded_parameters({"from": start.caller, "to": start.to}, *custom)


def _headers(text: object) -> Mapping[str, Any]:
    """Read Plivo's ``extra_headers``: a string such as ``{X-PH-name: value}``, with or without quotes."""
    if not isinstance(text, str):
        return text if isinstance(text, dict) else {}
    with suppress(msgspec.MsgspecError, RecursionError):
        return msgspec.json.decode(text, type=dict[str, Any])
    pairs = (pair.partition(":") for pair in text.strip("{} ").split(","))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}
