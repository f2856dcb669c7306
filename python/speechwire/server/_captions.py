"""A caption as JSON, for protocols that forward messages they do not know."""

from __future__ import annotations

import msgspec

from speechwire.server.codec import Caption

__all__ = ["caption_text"]

_encoder = msgspec.json.Encoder()


def caption_text(caption: Caption) -> str:
    """One message with the event ``caption`` and the caption's fields, without its list of words."""
    return _encoder.encode(
        {
            "event": "caption",
            "type": caption.event,
            "turn_index": caption.turn_index,
            "transcript": caption.transcript,
            "start_s": round(caption.start_s, 3),
            "end_s": round(caption.end_s, 3),
            "channel": caption.channel,
        }
    ).decode()
