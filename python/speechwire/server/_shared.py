"""What all lines of a server are made with."""

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
    """The same for each call.

    Args:
        pool: Makes sessions.
        answer: The application; ``None`` for captions only.
        limits: Of one call.
        listen: Options for listening.
        speak: Options for speaking.
        session_settings: Limits and deadlines of listening.
        counters: Of the server.
    """

    pool: SessionPool
    answer: Answer | None
    limits: Limits
    listen: Mapping[str, Any]
    speak: Mapping[str, Any]
    session_settings: ListenSettings
    counters: Counters
