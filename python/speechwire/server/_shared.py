"""The objects and settings that all calls of a server share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speechwire.server._counters import Counters
from speechwire.server.call import Answer
from speechwire.server.limits import Limits
from speechwire.session import ListenSettings, SessionPool

__all__ = ["Shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The objects and settings that are the same for each call.

    Args:
        pool: Makes sessions.
        answer: The application; ``None`` for captions only.
        limits: Limits of one call.
        listen: Options for listening.
        speak: Options for speaking.
        session_settings: Limits and deadlines of listening sessions.
        counters: The server's counters.
    """

    pool: SessionPool
    answer: Answer | None
    limits: Limits
    listen: Mapping[str, Any]
    speak: Mapping[str, Any]
    session_settings: ListenSettings
    counters: Counters
