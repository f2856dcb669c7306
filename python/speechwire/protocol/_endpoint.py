"""The common base of the four protocols: state, decoding, and the end of the connection."""

from __future__ import annotations

import abc
import enum
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import msgspec

from speechwire.errors import InvalidArgumentType, LocalProtocolError, ServiceError
from speechwire.protocol._decode import MessageDecoder, Salvaged, malformed
from speechwire.protocol._paths import Path
from speechwire.protocol.closing import classify
from speechwire.protocol.events import Closed, MalformedMessage, UnknownMessage

__all__ = ["ConfigureSlot", "Endpoint", "State", "text_frame"]

EventT = TypeVar("EventT")


class State(enum.Enum):
    """The state of a connection.

    It changes only in this direction::

        OPEN ── our close message ──▶ CLOSING ── end of connection ──▶ CLOSED
          └──────────────────── end of connection ──────────────────────▶┘
    """

    OPEN = "open"
    """Both sides may send."""
    CLOSING = "closing"
    """The client has requested the end: it may send nothing more, and receives the last messages."""
    CLOSED = "closed"
    """The connection has ended. The object cannot be used again."""


# Looking up an enumeration's member takes as long as a call (CPython 3.11), and these are used often.
_OPEN, _CLOSED = State.OPEN, State.CLOSED


class Endpoint(abc.ABC, Generic[EventT]):
    """The state of one connection, without I/O: it decodes received frames and makes frames to send.

    It uses no clock and no socket, and no method blocks. Not thread-safe.

    Attributes:
        request_id: Deepgram's id of this connection, from its messages or set by the caller from the
            ``dg-request-id`` header.
    """

    _path: ClassVar[Path]
    _decoder: ClassVar[MessageDecoder[Any]]

    def __init__(self) -> None:
        self.request_id: str | None = None
        self._state = State.OPEN
        self._failure: ServiceError | None = None
        self._closed: Closed | None = None

    @property
    def state(self) -> State:
        """The state of the connection."""
        return self._state

    @property
    def closed(self) -> Closed | None:
        """How the connection ended, once it has."""
        return self._closed

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled or copied: it is the state of one connection; make a new one"
        )

    def receive(self, frame: str | bytes) -> list[EventT]:
        """Takes one frame from the service; returns its events, in order.

        It does not raise for anything that the service sends. An invalid frame becomes a
        `MalformedMessage`. A message with an invalid part is delivered without the part, followed by a
        `MalformedMessage`.

        Raises:
            InvalidArgumentType: `frame` is neither ``str`` nor ``bytes``.
        """
        if self._state is _CLOSED:
            return self._after_the_end(frame)
        if isinstance(frame, str):
            message = self._decoder.decode(frame)
            if type(message) is Salvaged:
                return [*self._on_salvaged(message.message), *self._events(message.junk)]
            return self._on_message(message)
        return self._receive_binary(frame if type(frame) is bytes else _as_bytes(frame))

    def receive_close(self, code: int, reason: str = "") -> Closed:
        """Takes the end of the connection; returns the last event, which classifies it.

        Args:
            code: WebSocket close code; 1005 without a status, 1006 without a close frame.
            reason: The close frame's reason.

        A second call changes nothing and returns the first answer.
        """
        if self._closed is None:
            self._closed = classify(
                self._path,
                code,
                reason,
                asked=self._state is State.CLOSING,
                delivered=self._delivered(),
                failure=self._failure,
                request_id=self.request_id,
            )
            self._state = State.CLOSED
        return self._closed

    def _after_the_end(self, frame: str | bytes) -> list[EventT]:
        content = frame if isinstance(frame, str) else _as_bytes(frame)
        return self._events(malformed("a frame after the end of the connection", content))

    def _receive_binary(self, frame: bytes) -> list[EventT]:
        return self._events(malformed("a binary frame on an endpoint that answers in text", frame))

    @abc.abstractmethod
    def _on_message(self, message: Any) -> list[EventT]:
        """Keeps the state in step with a message; returns the events to report."""

    def _on_salvaged(self, message: Any) -> list[EventT]:
        """As `_on_message`, for a message without its invalid parts."""
        return self._on_message(message)

    def _delivered(self) -> bool | None:
        """Whether the service has shown that it delivered everything; ``None`` if it cannot be shown."""
        return None

    def _events(self, event: UnknownMessage | MalformedMessage) -> list[EventT]:
        return [event]  # type: ignore[list-item]  # every endpoint's Event has both

    def _require_open(self, action: str) -> None:
        if self._state is not _OPEN:
            raise LocalProtocolError(
                f"cannot {action}: the connection is {self._state.value}, it must be open"
            )

    def _close(self, message_type: str) -> str:
        self._require_open(f"send {message_type}")
        self._state = State.CLOSING
        return text_frame(type=message_type)

    def _learn_request_id(self, request_id: str) -> None:
        if request_id:
            self.request_id = request_id


class ConfigureSlot:
    """Room for one ``Configure`` in flight: the services refuse a second one before the first is answered."""

    def __init__(self) -> None:
        self.pending = False

    def take(self) -> None:
        """Raises `LocalProtocolError` if the slot is taken."""
        if self.pending:
            raise LocalProtocolError(
                "cannot send Configure: another one waits for its answer, send one at a time"
            )
        self.pending = True

    def release(self) -> None:
        """Frees the slot: the answer has come, or was given up."""
        self.pending = False


def _as_bytes(frame: object) -> bytes:
    if not isinstance(frame, (bytes, bytearray, memoryview)):
        raise InvalidArgumentType("frame", frame, "a str or bytes")
    return bytes(frame)


def text_frame(**message: object) -> str:
    """A control message as compact JSON, its keys in the order given."""
    return msgspec.json.encode(message).decode()
