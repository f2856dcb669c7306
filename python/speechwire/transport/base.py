"""The interface between sessions and the network: open, send, receive, and report the end.

A transport moves WebSocket frames and nothing else: it knows no message type and no audio format. The
default is :class:`speechwire.transport.AiohttpTransport`; :class:`speechwire.transport.MemoryTransport`
runs a scripted peer in the same process, for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from speechwire.errors import InvalidArgument
from speechwire.transport._secret import Secret

__all__ = [
    "ABNORMAL",
    "NO_STATUS",
    "CloseEvent",
    "ConnectRequest",
    "Take",
    "Transport",
    "WebSocket",
    "pull_each",
    "without_query",
]

NO_STATUS: Final = 1005
"""Close code for a close frame that carries none (RFC 6455, 7.1.5)."""

ABNORMAL: Final = 1006
"""Close code for a connection that ended without a close frame (RFC 6455, 7.1.5)."""


@dataclass(frozen=True, slots=True)
class CloseEvent:
    """How a connection ended; the last value that :meth:`WebSocket.receive` returns.

    Args:
        code: The peer's close code; :data:`NO_STATUS` or :data:`ABNORMAL` where there was none.
        reason: The peer's reason, or the network's error; may be empty.
    """

    code: int
    reason: str = ""


class Take(Protocol):
    """A function that takes frames."""

    def __call__(self, frame: str | bytes, /) -> bool:
        """Take a frame; return whether the next is wanted. Must not raise."""


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """One connection to open.

    Args:
        url: ``ws://`` or ``wss://``, with its query; ASCII, without a user and without a fragment.
        headers: Sent with the upgrade. They contain the credential: ``repr`` omits them, each value is kept
            as a `Secret`, and values that a peer repeats are redacted.
        connect_timeout_s: Deadline for DNS, TCP, TLS and the upgrade together, in seconds.
        heartbeat_s: WebSocket ping after this many seconds without incoming data; a peer that does not answer
            within half of it is treated as gone (:data:`ABNORMAL`). ``None`` sends none.
        max_message_bytes: A larger message from the peer ends the connection (:data:`ABNORMAL`).

    Raises:
        InvalidArgument: The URL or a header is not valid.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str | Secret] = field(default_factory=dict, repr=False)
    connect_timeout_s: float = 10.0
    heartbeat_s: float | None = 20.0
    max_message_bytes: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        _check_url(self.url)
        object.__setattr__(self, "headers", _hidden(self.headers))

    def revealed(self) -> dict[str, str]:
        """The headers in plain text; only for the call that sends them."""
        return {name: value.reveal() for name, value in self.headers.items() if isinstance(value, Secret)}

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Secrets to redact from all text that is shown."""
        return tuple(value for value in self.headers.values() if isinstance(value, Secret))


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidArgument(
            "url", f"{parts.scheme}://{parts.hostname or ''}", "a ws:// or wss:// URL with a host"
        )
    if "@" in parts.netloc or parts.fragment:
        raise InvalidArgument("url", "a user or a fragment", "free of a user and of a fragment")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidArgument("url", "other characters", "printable ASCII without blanks; encode the rest")


def _hidden(headers: Mapping[str, str | Secret]) -> dict[str, Secret]:
    hidden = {name: value if isinstance(value, Secret) else Secret(value) for name, value in headers.items()}
    for name, value in hidden.items():
        if not f"{name}{value.reveal()}".isprintable():
            raise InvalidArgument(f"headers[{name!r}]", value, "printable characters")
    return hidden


class WebSocket(Protocol):
    """An open WebSocket. One task may receive while another sends."""

    @property
    def request_id(self) -> str | None:
        """The ``dg-request-id`` header of the upgrade's answer, if there was one."""

    async def send(self, frame: str | bytes) -> None:
        """Send one frame; wait while the send buffer is full.

        Raises:
            ConnectionLost: The connection has ended; :meth:`receive` says how.
        """

    @property
    def ready(self) -> bool:
        """Whether :meth:`send_now` may be called: the next frame needs no wait."""

    def send_now(self, frame: bytes) -> None:
        """Send one binary frame without waiting; only while :attr:`ready`. Saves two turns of the event loop.

        Raises:
            ConnectionLost: The connection has ended; :meth:`receive` says how.
        """

    async def receive(self) -> str | bytes | CloseEvent:
        """Wait for the next frame. After the end every call returns the same :class:`CloseEvent`."""

    async def receive_each(self, take: Take) -> CloseEvent | None:
        """Call ``take`` with every frame, in order, as soon as it comes.

        Where possible ``take`` is called within the event loop's read, which saves a turn of the loop each.

        Returns:
            How the connection ended, or ``None`` once ``take`` has returned false. Later frames wait for the
            next call.
        """

    async def ping(self) -> None:
        """Send a WebSocket ping without waiting for its pong.

        Raises:
            ConnectionLost: The connection has ended.
        """

    async def aclose(self, code: int = 1000) -> None:
        """Close with the closing handshake, within a short deadline. Idempotent, never raises."""

    def abort(self) -> None:
        """Drop the connection at once, without a closing handshake. Idempotent, never raises or waits."""


class Transport(Protocol):
    """Opens connections. One instance serves any number of sessions of one event loop."""

    async def connect(self, request: ConnectRequest) -> WebSocket:
        """Open one connection.

        Raises:
            ConnectFailed: DNS, TCP, TLS or the deadline.
            HandshakeRefused: The upgrade got an HTTP response without an upgrade, such as an error.
        """

    async def aclose(self) -> None:
        """Release what connections share. Idempotent; open connections are closed."""


async def pull_each(connection: WebSocket, take: Take) -> CloseEvent | None:
    """:meth:`WebSocket.receive_each` for a connection that only has :meth:`WebSocket.receive`."""
    while True:
        frame = await connection.receive()
        if isinstance(frame, CloseEvent):
            return frame
        if not take(frame):
            return None


def without_query(url: str) -> str:
    """The URL without its query, which may be private, and without user information."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, "", ""))
