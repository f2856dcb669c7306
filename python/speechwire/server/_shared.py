"""The objects and settings that all calls of a server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from speechwire.server._counters import Counters
from speechwire.server._ears import Ears, Listener
from speechwire.server._mouth import Mouth, Sink
from speechwire.server._pacing import AudioPace
from speechwire.server.call import Answer
from speechwire.server.codec import Started
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

    def ears(self, started: Started, listener: Listener, pace: AudioPace) -> Ears:
        """Make a call's hearing.

        Raises:
            InvalidArgument: The service would refuse the options.
        """
        return Ears(
            self.pool, started, self.listen, listener, session_settings=self.session_settings, pace=pace
        )

    def mouth(self, started: Started, sink: Sink, clock: Callable[[], float]) -> Mouth | None:
        """Make a call's speech; ``None`` for a caller that takes none.

        Raises:
            InvalidArgument: The service would refuse the options.
        """
        if started.speech is None:
            return None
        ahead_s = self.limits.speech_ahead_s
        return Mouth(self.pool, started.speech, self.speak, sink, ahead_s=ahead_s, clock=clock)
