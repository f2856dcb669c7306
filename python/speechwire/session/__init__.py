"""Sessions: conversations with the service that outlive their connections."""

from __future__ import annotations

from speechwire.session._states import State
from speechwire.session.backoff import Backoff, BackoffPolicy
from speechwire.session.events import (
    AudioDropped,
    ChangeRefused,
    EventsDropped,
    OutageBegan,
    OutageEnded,
    Reconnected,
    Reconnecting,
    SessionEnded,
    SessionEvent,
)
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.listen import ListenV1Session, ListenV2Session
from speechwire.session.metrics import Histogram, ListenStats, SpeakStats
from speechwire.session.pool import PoolStats, SessionPool
from speechwire.session.request import SpeakRequest
from speechwire.session.settings import ListenSettings, SpeakSettings
from speechwire.session.speak import SpeakSession

__all__ = [
    "AudioDropped",
    "Backoff",
    "BackoffPolicy",
    "ChangeRefused",
    "ConnectionLimiter",
    "EventsDropped",
    "Histogram",
    "ListenSettings",
    "ListenStats",
    "ListenV1Session",
    "ListenV2Session",
    "OutageBegan",
    "OutageEnded",
    "PoolStats",
    "Reconnected",
    "Reconnecting",
    "SessionEnded",
    "SessionEvent",
    "SessionPool",
    "SpeakRequest",
    "SpeakSession",
    "SpeakSettings",
    "SpeakStats",
    "State",
]
