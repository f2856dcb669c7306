"""What the two listening endpoints do differently, as the session sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from speechwire.session._timeline import Timeline
from speechwire.session._wire import WireProtocol

__all__ = ["AudioFormat", "ListenProtocol", "Strategy", "audio_format"]

_BYTES_PER_SAMPLE = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}

EventT = TypeVar("EventT")


class AudioFormat(NamedTuple):
    """How bytes and time relate; ``bytes_per_s`` is 0 where they do not (compressed audio)."""

    frame_bytes: int
    bytes_per_s: int


def audio_format(encoding: str | None, sample_rate: int | None, channels: int = 1) -> AudioFormat:
    """The format that these connection parameters declare."""
    size = _BYTES_PER_SAMPLE.get(encoding or "", 0) * channels
    return AudioFormat(size, size * sample_rate) if size and sample_rate else AudioFormat(1, 0)


class ListenProtocol(WireProtocol[EventT], Protocol[EventT]):
    """What both listening protocols offer. See :mod:`speechwire.protocol`."""

    @property
    def final_s(self) -> float: ...

    @property
    def progress_s(self) -> float: ...

    def send_audio(self, pcm: bytes) -> bytes: ...

    def give_up_configure(self) -> None: ...


class Strategy(Protocol[EventT]):
    """One endpoint's ways, over all connections of a session.

    A strategy never waits and never sends; methods that return frames leave sending to the caller.
    """

    @property
    def protocol(self) -> ListenProtocol[EventT]:
        """The current connection's protocol."""

    patience: float
    """How many progress timeouts this endpoint, with these options, may stay silent in good health."""

    probes: bool
    """Whether :meth:`flush` makes a healthy service show progress; else it shows progress unasked."""

    keeps_alive: bool
    """Whether a silent connection needs :meth:`keep_alive`; else a ping does."""

    options: Any
    """What the next connection declares; may be replaced."""

    def url(self, base_url: str) -> str:
        """Where to connect to, with the options now in force."""

    def format(self) -> AudioFormat:
        """The audio that is declared to the service."""

    def resumable(self) -> bool:
        """Whether a new connection can continue in the middle of the audio."""

    def begin(self) -> None:
        """A new connection has been opened."""

    def deliver(self, event: EventT, timeline: Timeline) -> Sequence[EventT]:
        """Put an event on the caller's clock; leave out what was delivered before."""

    def covered_s(self) -> float:
        """Up to where on the connection's clock no replay is needed."""

    def wants_silence(self) -> bool:
        """Whether the service waits for audio to finish something."""

    def is_interim(self, event: object) -> bool:
        """Whether a later event replaces this one."""

    def flush(self) -> list[str]:
        """Ask for the results of everything sent so far."""

    def finish(self) -> list[str]:
        """Ask for the last results and the end."""

    def check_configure(self, changes: Mapping[str, Any]) -> None:
        """Raise `InvalidArgument` if these changes cannot be asked for."""

    def configure(self, changes: Mapping[str, Any]) -> list[str]:
        """Ask for changes on the current connection."""

    def adopt(self, changes: Mapping[str, Any]) -> None:
        """Keep changes for later connections."""

    def billed_s(self, event: EventT) -> float:
        """The service's own count of audio, if this event tells it."""

    def keep_alive(self) -> str | None:
        """The message that keeps a silent connection open, or ``None`` for a ping."""
