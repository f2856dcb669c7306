"""Sessions: conversations with the service that outlive their connections."""

from __future__ import annotations

from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.session.events import (
    AudioDropped,
    EventsDropped,
    Reconnected,
    Reconnecting,
    SessionEnded,
    SessionEvent,
)
from speechwire.session.listen import FluxSession, ListenSession
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import ListenSettings, SpeakSettings
from speechwire.session.speak import SpeakSession

__all__ = [
    "AudioDropped",
    "Backoff",
    "BackoffPolicy",
    "EventsDropped",
    "FluxSession",
    "ListenSession",
    "ListenSettings",
    "Reconnected",
    "Reconnecting",
    "SessionEnded",
    "SessionEvent",
    "SpeakRequest",
    "SpeakSession",
    "SpeakSettings",
]
