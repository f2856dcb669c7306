"""The differences between the two speaking endpoints, as a connection's traffic needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from speechwire.errors import ServiceError
from speechwire.session._connection import EndpointProtocol

__all__ = ["Finished", "Meaning", "Refused", "SpeakProtocol", "SpeakRules", "StopRefused"]

EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer to the flush: all audio of its batch has come."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service will not speak the batch now.

    Args:
        error: The error to fail the request with; ``None`` if another attempt should follow.
    """

    error: ServiceError | None


@dataclass(frozen=True, slots=True)
class StopRefused:
    """The service has refused the playback offset of a stop, and continues the speech it should drop."""


Meaning = bytes | Finished | Refused | StopRefused | None
"""The meaning of an event: audio, an answer to a flush or to a stop, or ``None`` if it needs no action."""


class SpeakProtocol(EndpointProtocol[EventT], Protocol[EventT]):
    """What both speaking protocols offer. See :mod:`speechwire.protocol`."""

    def speak(self, text: str) -> str: ...

    def close(self) -> str: ...


class SpeakRules(Protocol[EventT]):
    """The rules of one endpoint on one connection. At most one flush waits for its answer."""

    audio_needs_flush: bool
    """Whether the service is silent until the flush; else it speaks while text still comes."""
    next_waits_for_stop: bool
    """Whether the next text must wait until the service has answered a stop."""

    @property
    def protocol(self) -> SpeakProtocol[EventT]:
        """The connection's protocol."""

    @property
    def stopping(self) -> bool:
        """Whether a stop waits for its answer; audio is discarded until then."""

    def stop(self, heard_s: float | None) -> str:
        """Make the frame that makes the service drop its text. `heard_s` seconds of its audio were heard."""

    def flush(self, now: float) -> str:
        """Make the frame that makes the service speak the text it has."""

    def read(self, event: EventT, now: float) -> Meaning:
        """Interpret an event."""

    def text_wait_s(self, now: float, characters: int) -> float:
        """Seconds until `characters` may be sent."""

    def add_text(self, now: float, characters: int) -> None:
        """Count text that is sent."""

    def flush_wait_s(self, now: float) -> float:
        """Seconds until a flush may be sent."""

    def used_up(self, now: float) -> bool:
        """Whether a new connection could speak a flush sooner than this one."""
