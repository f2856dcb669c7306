"""A codec that finds out the protocol from the first messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speechwire.server._binary import json_object
from speechwire.server.asterisk import AsteriskCodec
from speechwire.server.codec import Codec, Incoming, Malformed, Opening, Outgoing
from speechwire.server.freeswitch import FreeswitchCodec
from speechwire.server.jambonz import JambonzCodec
from speechwire.server.json_media import JsonMediaCodec
from speechwire.server.vonage import VonageCodec

__all__ = ["DetectingCodec"]


class DetectingCodec:
    """Finds the protocol from the first messages, then passes everything to that protocol's codec.

    ``connected`` shows only that the protocol is JSON media; the start message shows the provider. Vonage,
    Asterisk and jambonz are recognised by their first message. Any other text or binary audio is treated as
    FreeSWITCH's.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._codec: Codec | None = None

    @property
    def name(self) -> str:
        """The protocol's name; ``unknown`` before the first message."""
        return self._codec.name if self._codec else "unknown"

    def receive(self, message: str | bytes) -> list[Incoming]:
        """See :class:`speechwire.server.codec.Codec`."""
        if self._codec is None:
            make = _kind_of(message)
            if make is None:
                return [Malformed(reason="a first message of no known protocol")]
            self._codec = make(self._opening)
        return self._codec.receive(message)

    def audio_in(self, texts: Sequence[bytes]) -> bytes:
        """See :class:`speechwire.server.codec.Codec`."""
        return self._codec.audio_in(texts) if self._codec else b""

    def send(self, outgoing: Outgoing) -> list[str | bytes]:
        """See :class:`speechwire.server.codec.Codec`."""
        return self._codec.send(outgoing) if self._codec else []


def _kind_of(message: str | bytes) -> Callable[[Opening], Codec] | None:
    if isinstance(message, bytes):
        return FreeswitchCodec
    if message.startswith("MEDIA_START"):
        return AsteriskCodec
    fields = json_object(message)
    if fields is None:
        return None
    event = fields.get("event")
    if event == "websocket:connected":
        return VonageCodec
    if event == "MEDIA_START":
        return AsteriskCodec
    if event in ("connected", "start"):
        return lambda opening: JsonMediaCodec(opening=opening)
    if event is not None:
        return None
    return JambonzCodec if "callSid" in fields and "sampleRate" in fields else FreeswitchCodec
