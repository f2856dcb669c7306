"""The events of a call besides the server's own messages."""

from __future__ import annotations

import msgspec

from speechwire.server.own_socket.messages import (
    Caption,
    Clear,
    Notice,
    Queued,
    SpeechEnded,
    SpeechStarted,
)

__all__ = ["AudioDropped", "CallEvent", "Disconnected", "Ended", "Resumed", "SpeechAudio"]


class Disconnected(msgspec.Struct, frozen=True, kw_only=True):
    """There is no connection; another attempt follows. Audio pushed meanwhile is kept.

    Attributes:
        attempt: Failed attempts in a row so far, this one included.
        delay_s: Seconds until the next attempt.
        reason: Why, in words for a person.
    """

    attempt: int
    delay_s: float
    reason: str


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A new connection continues the call.

    Attributes:
        sent_again_s: Seconds of audio that are sent again because they were not acknowledged.
    """

    sent_again_s: float


class AudioDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Audio was lost: more than ``buffer_s`` of it waited to be sent or acknowledged.

    Attributes:
        seconds: How many seconds of audio.
    """

    seconds: float


class SpeechAudio(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A piece of speech.

    Attributes:
        utterance: The number of the utterance; :class:`SpeechStarted` came before.
        sample: Position of the first sample within the utterance.
        data: Whole samples in the format of ``Call.speech``.
    """

    utterance: int
    sample: int
    data: bytes


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The last event of a call.

    Attributes:
        code: The WebSocket close code: 1000 after :meth:`Call.finish`.
        reason: In the server's words.
        pushed_s: Seconds of audio pushed.
        dropped_s: Seconds of it that were lost.
    """

    code: int
    reason: str
    pushed_s: float
    dropped_s: float


CallEvent = (
    Caption
    | SpeechStarted
    | SpeechAudio
    | SpeechEnded
    | Clear
    | Notice
    | Queued
    | Disconnected
    | Resumed
    | AudioDropped
    | Ended
)
