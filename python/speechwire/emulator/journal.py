"""What each client sent, exactly: for assertions, for the status page, for a log.

Nothing here holds a credential: of the ``Authorization`` header only the scheme is kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Connection", "Journal"]

_MAX_CONNECTIONS = 10_000
_MAX_MESSAGES = 10_000
_MAX_KEPT_AUDIO = 64 * 1024 * 1024


@dataclass(slots=True)
class Connection:
    """One client, from upgrade to close.

    Attributes:
        index: 0 for the first connection of the emulator, refused ones counted.
        endpoint: Path of the endpoint.
        query: Parameters in the order sent, repeated ones repeated.
        headers: Request headers without credentials.
        auth: ``token``, ``bearer``, ``subprotocol token`` or ``subprotocol bearer``; empty if none.
        request_id: What ``dg-request-id`` said.
        status: HTTP status of the upgrade: 101, or what it was refused with.
        received: Text messages, parsed if they were JSON objects, in order; the last 10000.
        audio_frames: Binary frames with at least one byte.
        audio_bytes: Their bytes.
        audio_s: Seconds of audio they held, once decoded.
        empty_frames: Binary frames without any.
        gaps: Discontinuities of an embedded counter, if the emulator looks for one: (second, missing
            samples).
        audio: The bytes themselves, if the emulator keeps them; at most 64 MiB.
        digest: SHA-256 of all bytes.
        pings: WebSocket pings.
        sent: Text messages sent, in order; the last 10000.
        sent_audio_bytes: Bytes of audio sent.
        lost: Messages a fault kept back.
        closed_by: ``client``, ``server`` or ``fault``; empty while open.
        close_code: 1005 without status, 1006 without a Close frame; None while open.
        close_reason: The Close frame's reason.
    """

    index: int
    endpoint: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    auth: str = ""
    request_id: str = ""
    status: int = 0
    received: deque[Any] = field(default_factory=lambda: deque(maxlen=_MAX_MESSAGES))
    audio_frames: int = 0
    audio_bytes: int = 0
    audio_s: float = 0.0
    empty_frames: int = 0
    gaps: list[tuple[float, int]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    digest: Any = field(default_factory=hashlib.sha256, repr=False)
    pings: int = 0
    sent: deque[Any] = field(default_factory=lambda: deque(maxlen=_MAX_MESSAGES))
    sent_audio_bytes: int = 0
    lost: int = 0
    closed_by: str = ""
    close_code: int | None = None
    close_reason: str = ""

    @property
    def types(self) -> list[str]:
        """The ``type`` of each text message received; ``"?"`` for what has none."""
        return [message.get("type", "?") if isinstance(message, dict) else "?" for message in self.received]

    @property
    def sent_types(self) -> list[str]:
        """The ``type`` of each text message sent."""
        return [message.get("type", "?") if isinstance(message, dict) else "?" for message in self.sent]

    @property
    def is_open(self) -> bool:
        """Whether it was accepted and has not ended."""
        return self.status == 101 and self.close_code is None

    def summary(self) -> dict[str, Any]:
        """Its numbers, for the status page and the log."""
        names = (
            "index",
            "endpoint",
            "auth",
            "request_id",
            "status",
            "audio_frames",
            "audio_bytes",
            "empty_frames",
        )
        more = ("pings", "sent_audio_bytes", "lost", "closed_by", "close_code", "close_reason")
        values = {name: getattr(self, name) for name in names + more}
        counts = {"audio_s": round(self.audio_s, 6), "texts": len(self.received), "messages": len(self.sent)}
        return values | counts | {"gaps": len(self.gaps)}


class Journal:
    """All connections of one emulator, and the JSON-lines log of what happened on them.

    Args:
        path: File to append the log to; None for none.
        keep_audio: Whether connections keep the audio they received.
    """

    def __init__(self, path: Path | None = None, *, keep_audio: bool = False) -> None:
        self.connections: list[Connection] = []
        self.count = 0
        self._keep_audio = keep_audio
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def arrive(self, endpoint: str, query: list[tuple[str, str]], headers: dict[str, str]) -> Connection:
        """Note a new connection; the oldest is forgotten beyond 10000."""
        connection = Connection(self.count, endpoint, query, headers)
        self.count += 1
        self.connections.append(connection)
        if len(self.connections) > _MAX_CONNECTIONS:
            del self.connections[0]
        return connection

    def opened(self, connection: Connection) -> None:
        """Log the answer to the upgrade."""
        self._log(connection, "upgrade", {"query": connection.query, **connection.summary()})

    def text(self, connection: Connection, text: str) -> None:
        """Note a text frame."""
        try:
            message = json.loads(text)
        except ValueError:
            message = text
        connection.received.append(message)
        self._log(connection, "text", {"message": message, "audio_s": round(connection.audio_s, 6)})

    def binary(self, connection: Connection, data: bytes) -> None:
        """Note a binary frame."""
        if not data:
            connection.empty_frames += 1
        else:
            connection.audio_frames += 1
            connection.audio_bytes += len(data)
            connection.digest.update(data)
        if self._keep_audio:
            connection.audio += data[: _MAX_KEPT_AUDIO - len(connection.audio)]
        self._log(connection, "binary", {"bytes": len(data)})

    def closed(self, connection: Connection, by: str, code: int, reason: str) -> None:
        """Note the end; only the first counts."""
        if connection.close_code is not None:
            return
        connection.closed_by, connection.close_code, connection.close_reason = by, code, reason
        self._log(connection, "close", connection.summary())

    def close(self) -> None:
        """End the log."""
        if self._file:
            self._file.close()
            self._file = None

    def _log(self, connection: Connection, event: str, fields: dict[str, Any]) -> None:
        if self._file:
            head = {"time": round(time.time(), 6), "connection": connection.index, "event": event}
            self._file.write(json.dumps(head | fields) + "\n")
            self._file.flush()
