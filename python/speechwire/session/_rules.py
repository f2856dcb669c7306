"""The differences between the two listening endpoints, as the session needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol, TypeVar

from speechwire.errors import ServiceError
from speechwire.protocol.encodings import SAMPLE_BYTES
from speechwire.session._connection import EndpointProtocol
from speechwire.session._timeline import Timeline

__all__ = ["ONSET_S", "ByteRate", "ListenProtocol", "ListenRules", "byte_rate"]

_SILENCE: Final = {"mulaw": 0xFF, "alaw": 0xD5}

ONSET_S: Final = 2.0
"""Audio with an empty result needs no replay, except its last `ONSET_S`, in which a word may have begun."""

EventT = TypeVar("EventT")


class ByteRate(NamedTuple):
    """The relation of bytes and time; ``bytes_per_s`` is 0 for compressed audio, which has none."""

    frame_bytes: int
    bytes_per_s: int
    silence: int = 0
    """The byte that encodes silence."""

    @property
    def frame_rate(self) -> int:
        """Frames per second; 0 for compressed audio."""
        return self.bytes_per_s // self.frame_bytes


def byte_rate(encoding: str | None, sample_rate: int | None, channels: int = 1) -> ByteRate:
    """The rate of the audio that these connection parameters declare."""
    size = SAMPLE_BYTES.get(encoding or "", 0) * channels
    if not size or not sample_rate:
        return ByteRate(1, 0)
    return ByteRate(size, size * sample_rate, _SILENCE.get(encoding or "", 0))


class ListenProtocol(EndpointProtocol[EventT], Protocol[EventT]):
    """What both listening protocols offer. See :mod:`speechwire.protocol`."""

    @property
    def final_s(self) -> float: ...

    @property
    def progress_s(self) -> float: ...

    def send_audio(self, pcm: bytes) -> bytes: ...

    def give_up_configure(self) -> None: ...


class ListenRules(Protocol[EventT]):
    """The behaviour of one endpoint, over all connections of a session.

    Rules neither block nor send; the caller sends the frames that methods return. Times with ``_s`` are on
    the connection's clock unless the caller's clock is named.
    """

    @property
    def protocol(self) -> ListenProtocol[EventT]:
        """The protocol of the current connection."""

    @property
    def open_text(self) -> bool:
        """Whether the service has reported words that no final result or end of turn contains yet."""

    reported_s: float
    """The furthest point that any connection's results have reached, on the caller's clock."""

    closes_text: bool
    """Whether a service that finished has left no words without a final result or end of turn."""

    probes: ClassVar[bool]
    """Whether :meth:`flush` makes a healthy service show progress; else it shows progress unasked."""

    needs_silence: ClassVar[bool]
    """Whether only further audio ends an utterance; else :meth:`flush` does."""

    keep_alive_message: ClassVar[bool]
    """Whether a silent connection needs :meth:`keep_alive`; else a WebSocket ping does."""

    def patience(self, options: Any) -> float:
        """For how many progress timeouts a healthy service may send no results, with these options."""

    def longest_turn_end_s(self, options: Any) -> float:
        """How many seconds after its last word a turn may stay open, with these options."""

    def byte_rate(self, options: Any) -> ByteRate:
        """The audio that is declared to the service."""

    def resumable(self, options: Any) -> bool:
        """Whether a new connection can continue in the middle of the audio."""

    def fork(self) -> ListenRules[EventT]:
        """A copy that is independent from the next :meth:`begin` on."""

    def begin(self, options: Any) -> None:
        """A new connection has been opened with these options."""

    def deliver(self, event: EventT, timeline: Timeline) -> Sequence[EventT]:
        """Put an event on the caller's clock; leave out what was delivered before."""

    def acknowledged(self) -> tuple[float, float]:
        """The position up to which results are final, and how much earlier a replay begins, in seconds."""

    def is_interim(self, event: object) -> bool:
        """Whether a later event replaces this one."""

    def flush(self) -> list[str]:
        """Ask for the results of everything sent so far."""

    def finish(self) -> list[str]:
        """Ask for the last results and the end."""

    def checked(self, options: Any, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """The changes, without those that are ``None``; raises `InvalidArgument` if they are not possible."""

    def merged(self, first: Mapping[str, Any], then: Mapping[str, Any]) -> Mapping[str, Any]:
        """One change that does what these do one after the other."""

    def configure(self, changes: Mapping[str, Any]) -> str:
        """Ask for changes on the current connection."""

    def apply(self, options: Any, changes: Mapping[str, Any]) -> Any:
        """The options with these changes."""

    def outcome(self, event: EventT) -> ServiceError | bool:
        """Whether the event answers a ``Configure``: true, false if it does not, or the refusal."""

    def billed_s(self, event: EventT) -> float:
        """The service's own count of audio, if this event holds it."""

    def keep_alive(self) -> str:
        """The message that keeps a silent connection open."""
