"""A client of the speechwire server: a call that outlives its connections. See ``docs/own-socket.md``."""

from __future__ import annotations

from speechwire.client._call import Call
from speechwire.client._connect import connect
from speechwire.client.events import AudioDropped, CallEvent, Disconnected, Ended, Resumed, SpeechAudio
from speechwire.server.own_socket.messages import (
    AudioFormat,
    Caption,
    Clear,
    Notice,
    Queued,
    SpeechEnded,
    SpeechStarted,
    Word,
)

__all__ = [
    "AudioDropped",
    "AudioFormat",
    "Call",
    "CallEvent",
    "Caption",
    "Clear",
    "Disconnected",
    "Ended",
    "Notice",
    "Queued",
    "Resumed",
    "SpeechAudio",
    "SpeechEnded",
    "SpeechStarted",
    "Word",
    "connect",
]
