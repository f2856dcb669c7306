"""What the server says: the messages a client of Nova or Flux gets while somebody talks.

A message is due when so much audio has arrived. Its text ends in a stamp, the time it was sent, which
survives to the caller's callback whatever client carries it. Messages are made once and shared by all
connections: a connection splices in the stamp, and nothing else.

Shapes as in "Deepgram docs: reference/speech-to-text/listen-streaming" and flux/state.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from benches.python.streams.websocket import TEXT, header

__all__ = ["STAMP_DIGITS", "VARIANTS", "Message", "flux", "nova", "sent_at_us"]

VARIANTS = 10
"""Callers do not begin to talk together: every variant begins a little later."""

STAMP_DIGITS = 16
_STAMP = "#" * STAMP_DIGITS
_REQUEST_ID = "5f0a7c1e-3b5d-4a77-9f0e-2f6f1f0c9d11"
_MODEL = {"name": "general-nova-2", "version": "2024-01-18.26916", "arch": "nova-2"}
_MODEL_UUID = "c0d1a568-ce81-4fea-97e7-bd45cb1fdf3c"
_WORDS = ("well", "i", "would", "like", "to", "change", "the", "booking", "that", "i", "made", "last", "week")
_WORD_S = 0.4

_FLUX_STEP_S = 0.25
_FLUX_TURN_STEPS = 20
_FLUX_LAST_STEP = 17  # after it, silence
_NOVA_SPAN_S = 3.0
_NOVA_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message, but for its stamp.

    Attributes:
        due_s: Seconds of audio after which it may be sent.
        kind: What the report counts it as.
        pieces: The frame, cut where the stamp goes.
    """

    due_s: float
    kind: str
    pieces: tuple[bytes, ...]

    def frame(self, now_us: int) -> bytes:
        """The WebSocket frame, stamped."""
        return (b"%016d" % now_us).join(self.pieces)


Script = Callable[[int, int], Message]
"""Message ``index`` of variant ``variant``."""


def sent_at_us(text: str) -> int:
    """The stamp at the end of a transcript."""
    return int(text[-STAMP_DIGITS:])


def message(due_s: float, kind: str, content: dict[str, Any]) -> Message:
    """Encode a message; ``_STAMP`` in it is where the stamp goes."""
    payload = json.dumps(content).encode()
    return Message(due_s, kind, tuple((header(TEXT, len(payload)) + payload).split(_STAMP.encode())))


def _said(start_s: float, seconds: float) -> list[tuple[str, float, float]]:
    """The words of so many seconds: text, start, end; the last one is the stamp."""
    count = max(1, int(seconds / _WORD_S))
    texts = [*_WORDS[: count - 1], _STAMP]
    begins = [start_s + _WORD_S * index for index in range(count)]
    return [(text, begin, begin + 0.9 * _WORD_S) for text, begin in zip(texts, begins, strict=True)]


@cache
def flux(variant: int, index: int) -> Message:
    """``/v2/listen``: an Update every 0.25 s, a turn every 5 s, after some silence."""
    lead = 2 * variant
    end_s = _FLUX_STEP_S * (index + 1)
    turn, step = divmod(index - lead, _FLUX_TURN_STEPS) if index >= lead else (0, 0)
    turn += step > _FLUX_LAST_STEP
    begin = lead + (turn * _FLUX_TURN_STEPS) - _FLUX_TURN_STEPS + _FLUX_LAST_STEP + 1 if turn else 0
    event = {1: "StartOfTurn", _FLUX_LAST_STEP: "EndOfTurn"}.get(step, "Update")
    words = _said(end_s - step * _FLUX_STEP_S, step * _FLUX_STEP_S) if 1 <= step <= _FLUX_LAST_STEP else []
    content: dict[str, Any] = {
        "type": "TurnInfo",
        "request_id": _REQUEST_ID,
        "sequence_id": index + 1,
        "event": event,
        "turn_index": turn,
        "audio_window_start": _FLUX_STEP_S * begin,
        "audio_window_end": end_s,
        "transcript": " ".join(text for text, _, _ in words),
        "words": [{"word": t, "confidence": 0.98, "start": s, "end": e} for t, s, e in words],
        "end_of_turn_confidence": 0.91 if event == "EndOfTurn" else 0.07,
    }
    if event == "EndOfTurn":
        content["trigger"] = "model"
    return message(end_s, event if words else "Empty", content)


@cache
def nova(variant: int, index: int) -> Message:
    """``/v1/listen``: an interim every second, a final every three; some silence comes first."""
    lead_s = 0.25 * (variant + 1)
    if index == 0:
        return message(lead_s, "Empty", _results(0.0, lead_s, [], is_final=True))
    span, step = divmod(index - 1, 4)
    start_s = lead_s + span * _NOVA_SPAN_S
    if step == 0:
        started = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": start_s + 0.2}
        return message(start_s + 0.3, "SpeechStarted", started)
    seconds = step * _NOVA_EVERY_S
    words, is_final = _said(start_s, seconds), seconds == _NOVA_SPAN_S
    kind = "Final" if is_final else "Interim"
    return message(start_s + seconds, kind, _results(start_s, seconds, words, is_final=is_final))


def _results(
    start_s: float, seconds: float, words: list[tuple[str, float, float]], *, is_final: bool
) -> dict[str, Any]:
    transcript = " ".join(text for text, _, _ in words)
    spelled = [
        {"word": t, "start": s, "end": e, "confidence": 0.98, "punctuated_word": t} for t, s, e in words
    ]
    alternative = {"transcript": transcript, "confidence": 0.97, "words": spelled}
    return {
        "type": "Results",
        "channel_index": [0, 1],
        "duration": seconds,
        "start": start_s,
        "is_final": is_final,
        "speech_final": is_final and bool(words),
        "channel": {"alternatives": [alternative]},
        "metadata": {"request_id": _REQUEST_ID, "model_info": _MODEL, "model_uuid": _MODEL_UUID},
        "from_finalize": False,
    }


def connected() -> bytes:
    """The first message of ``/v2/listen``."""
    content = {"type": "Connected", "request_id": _REQUEST_ID, "sequence_id": 0}
    return message(0.0, "Connected", content).pieces[0]
