"""What the two speaking endpoints do differently, as the traffic of a connection asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from speechwire.errors import ServiceError
from speechwire.session._connection import EndpointProtocol

__all__ = ["Finished", "Meaning", "Refused", "SpeakProtocol", "SpeakRules", "StopRefused"]

EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class Finished:
    """All audio of the batch whose flush waits for its answer has come."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service will not speak the batch now.

    Args:
        error: What to tell when it is not worth another attempt; ``None`` while it is.
    """

    error: ServiceError | None


@dataclass(frozen=True, slots=True)
class StopRefused:
    """The service does not take what it was told of listening, and goes on with what it was to forget."""


Meaning = bytes | Finished | Refused | StopRefused | None
"""What an event means: audio, an answer to a flush or to a stop, or nothing to the traffic."""


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
        """Whether a stop waits for its answer; audio is thrown away until then."""

    def stop(self, heard_s: float | None) -> str:
        """The frame that has the service forget what it was given, when so much of its audio was heard."""

    def flush(self, now: float) -> str:
        """The frame that has the service speak what it was given."""

    def read(self, event: EventT, now: float) -> Meaning:
        """What an event means."""

    def text_wait_s(self, now: float, characters: int) -> float:
        """How long until so many characters may be sent."""

    def add_text(self, now: float, characters: int) -> None:
        """Take note of text that is sent."""

    def flush_wait_s(self, now: float) -> float:
        """How long until a flush may be sent."""

    def used_up(self, now: float) -> bool:
        """Whether another connection would speak sooner than this one may."""
