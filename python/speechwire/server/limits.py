"""The limits of one call."""

from __future__ import annotations

from dataclasses import dataclass

from speechwire.errors import InvalidArgument

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one call, in seconds and bytes.

    Args:
        start_s: The longest wait for the start message after the connection has opened.
        call_s: The longest call.
        idle_s: The longest time without a message from the caller, while nothing is spoken to it.
        audio_speed: How fast audio is read, as a multiple of real time, at least 1. Faster audio is read
            later, so that the caller has to slow down. The service takes a backlog at 1.25 times real time.
        audio_burst_s: How much audio may come at once: after a pause of the network, or from a caller that
            resumes a call.
        message_bytes: The largest message from the caller.
        malformed: How many messages that cannot be understood end the call.
        outbox_bytes: How much may wait for a caller that reads slowly, before the call ends.
        slow_reader_s: How long a caller may read nothing while messages wait.
        speech_ahead_s: How much speech is sent before it is played.
        hangup_s: How long the last results, and then the application, may take after the caller has hung up.
        events: How many events may wait for the application. Beyond it the oldest that is not a turn is
            dropped.
        texts: How many texts of the caller may wait to be spoken.

    Raises:
        InvalidArgument: A limit is not above 0, or ``audio_speed`` is below 1.
    """

    start_s: float = 10.0
    call_s: float = 3600.0
    idle_s: float = 60.0
    audio_speed: float = 1.25
    audio_burst_s: float = 15.0
    message_bytes: int = 64 * 1024
    malformed: int = 10
    outbox_bytes: int = 256 * 1024
    slow_reader_s: float = 10.0
    speech_ahead_s: float = 10.0
    hangup_s: float = 10.0
    events: int = 256
    texts: int = 16

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise InvalidArgument(name, getattr(self, name), "above 0")
        if self.audio_speed < 1:
            raise InvalidArgument("audio_speed", self.audio_speed, "at least 1, or no call could keep up")
