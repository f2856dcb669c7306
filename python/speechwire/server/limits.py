"""What one call may take, with the reasons for the defaults."""

from __future__ import annotations

from dataclasses import dataclass

from speechwire.errors import InvalidArgument

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one call, in seconds and bytes.

    Args:
        start_s: From the open socket to the message that starts the call.
        call_s: The longest call.
        idle_s: Without any message from the caller, while nothing is said to it.
        audio_speed: How fast audio may come, as a multiple of real time; what is faster is read later, so
            that the caller's own sending slows down. The service takes a backlog at 1.25 times real time.
        audio_burst_s: This much may come at once: after a network's pause, or from a caller that comes back.
        message_bytes: The largest message.
        malformed: Messages without a meaning before the call ends.
        outbox_bytes: What may wait for a caller who reads slowly; then it is closed.
        slow_reader_s: For so long a caller may take nothing.
        speech_ahead_s: How much speech is sent before it is its turn to be played.
        hangup_s: What the last results and then the application may still take after the caller has hung up.
        events: Waiting for the application; beyond it the oldest that is no turn is dropped.
        texts: To be spoken for the caller, waiting.
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
