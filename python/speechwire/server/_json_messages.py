"""The messages of the JSON media protocols as one struct; fields that a provider does not send are empty.

Twilio: twilio.com/docs/voice/media-streams/websocket-messages. SignalWire: cxml/voice/stream of its
documentation. Telnyx: developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket.
Plivo: plivo.com/docs/voice/audio-streaming. Exotel: developer.exotel.com/docs/agentstream/websocket-protocol.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Frame",
    "FrameMedia",
    "Media",
    "MediaFormat",
    "Message",
    "Start",
    "decode_frame",
    "decode_message",
]


class MediaFormat(msgspec.Struct):
    """``mediaFormat`` or ``media_format``; numbers may be strings."""

    encoding: str = ""
    sampleRate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None


class Start(msgspec.Struct):
    """``start``."""

    streamSid: str = ""
    stream_sid: str = ""
    streamId: str = ""
    callSid: str = ""
    call_sid: str = ""
    call_control_id: str = ""
    callId: str = ""
    accountSid: str = ""
    tracks: list[str] = []
    customParameters: dict[str, Any] = {}
    custom_parameters: dict[str, Any] = {}
    mediaFormat: MediaFormat | None = None
    media_format: MediaFormat | None = None
    caller: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class Media(msgspec.Struct, gc=False):
    """``media``; the payload is base64."""

    payload: bytes = b""
    track: str = "inbound"
    chunk: int = 0


class _Dtmf(msgspec.Struct, gc=False):
    digit: str | int = ""


class _Mark(msgspec.Struct, gc=False):
    name: str = ""


class Message(msgspec.Struct):
    """Any message."""

    event: str
    media: Media | None = None
    start: Start | None = None
    streamSid: str = ""
    stream_sid: str = ""
    stream_id: str = ""
    streamId: str = ""
    dtmf: _Dtmf | None = None
    mark: _Mark | None = None
    name: str = ""
    reason: str | None = None
    extra_headers: Any = None
    payload: Any = None


class FrameMedia(msgspec.Struct, gc=False):
    """``media`` with only the fields that are needed where audio comes in order."""

    payload: bytes = b""
    track: str = "inbound"


class Frame(msgspec.Struct, gc=False):
    """Any message, with only the fields that audio needs: nearly every message is audio."""

    event: str
    media: FrameMedia | None = None


decode_frame = msgspec.json.Decoder(Frame, strict=False).decode
"""As `decode_message`, in half the time, for audio only."""

decode_message = msgspec.json.Decoder(Message, strict=False).decode
"""Raises ``msgspec.MsgspecError`` for text that is not such a message."""
