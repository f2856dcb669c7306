"""Server messages of ``/v2/listen``, Flux (Deepgram docs: flux/state, flux/configure, flux/force-end-turn).

All times are seconds of audio since the start of the connection. `sequence_id` counts the messages of a
connection from 0.
"""

from __future__ import annotations

import enum

import msgspec

from speechwire.protocol._numbers import UNKNOWN, Confidence, Index, Seconds
from speechwire.protocol.events import Closed, MalformedMessage, Message, SequenceGap, UnknownMessage

__all__ = [
    "WIRE_MESSAGES",
    "ConfigureFailure",
    "ConfigureSuccess",
    "Connected",
    "Error",
    "Event",
    "Thresholds",
    "TurnEvent",
    "TurnInfo",
    "Warning",
    "Word",
]


class TurnEvent(enum.StrEnum):
    """The documented values of `TurnInfo.event`; the field is open and may hold others."""

    UPDATE = "Update"
    START_OF_TURN = "StartOfTurn"
    EAGER_END_OF_TURN = "EagerEndOfTurn"
    TURN_RESUMED = "TurnResumed"
    END_OF_TURN = "EndOfTurn"


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One recognised word, punctuated and cased; older servers give no times."""

    word: str
    confidence: Confidence = 0.0
    start: Seconds | None = None
    end: Seconds | None = None


class Connected(Message, frozen=True, kw_only=True):
    """The connection is ready; the first message."""

    request_id: str = ""
    sequence_id: Index | None = None


class TurnInfo(Message, frozen=True, kw_only=True):
    """The state of a turn.

    What the service leaves out is taken from what it said before: the turn, and how far results have come.

    Attributes:
        event: What happened; see `TurnEvent`.
        turn_index: The turn, from 0; grows by one after each ``EndOfTurn``.
        audio_window_start: Begin of the turn's audio.
        audio_window_end: How far the audio has been transcribed.
        transcript: The whole turn so far; empty only in ``Update``.
        words: The words of `transcript`.
        end_of_turn_confidence: 0 to 1.
        trigger: Only with ``EndOfTurn``: ``model``, ``manual``, ``timeout`` or another cause.
        languages: Detected languages, most frequent first (multilingual models).
        languages_hinted: The hints in force, if any.
    """

    event: str = TurnEvent.UPDATE
    turn_index: Index = UNKNOWN
    audio_window_start: Seconds = UNKNOWN
    audio_window_end: Seconds = UNKNOWN
    transcript: str
    request_id: str = ""
    sequence_id: Index | None = None
    words: tuple[Word, ...] = ()
    end_of_turn_confidence: Confidence | None = None
    trigger: str | None = None
    languages: tuple[str, ...] = ()
    languages_hinted: tuple[str, ...] = ()


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """End-of-turn settings in force; ``None`` where the service named none."""

    eager_eot_threshold: Confidence | None = None
    eot_threshold: Confidence | None = None
    eot_timeout_ms: Index | None = None


class ConfigureSuccess(Message, frozen=True, kw_only=True):
    """``Configure`` was applied; this is the whole configuration now in force."""

    request_id: str = ""
    sequence_id: Index | None = None
    thresholds: Thresholds = Thresholds()
    keyterms: tuple[str, ...] = ()
    language_hints: tuple[str, ...] = ()
    numerals: bool | None = None


class ConfigureFailure(Message, frozen=True, kw_only=True):
    """``Configure`` was refused; nothing changed, the stream goes on."""

    request_id: str = ""
    sequence_id: Index | None = None
    code: str = ""
    description: str = ""


class Warning(Message, frozen=True, kw_only=True):
    """Something was ignored, such as ``ForceEndTurn`` without an open turn; the stream goes on."""

    request_id: str = ""
    sequence_id: Index | None = None
    code: str = ""
    description: str = ""


class Error(Message, frozen=True, kw_only=True):
    """A fatal error; the service closes the connection next."""

    sequence_id: Index | None = None
    code: str = ""
    description: str = ""


WIRE_MESSAGES = Connected | TurnInfo | ConfigureSuccess | ConfigureFailure | Warning | Error
Event = WIRE_MESSAGES | SequenceGap | UnknownMessage | MalformedMessage | Closed
