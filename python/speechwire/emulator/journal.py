"""Records exactly what each client sent, for assertions, the status page and a log.

No credentials are kept: only the scheme of the ``Authorization`` header. Memory is bounded: the newest 64 MiB
of texts, the newest 10000 connections and 256 MiB of their audio are kept. Counters continue beyond these
limits, and the log on disk has everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from speechwire.emulator._messages import read_json

__all__ = ["Connection", "Journal"]

_log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_MAX_CONNECTIONS = 10_000
_MAX_TEXT_BYTES = 64 * _MIB
_MAX_AUDIO_BYTES = 256 * _MIB
_MAX_GAPS = 10_000

_Timed = tuple[float, str]


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
        texts: Text messages received, all of them counted.
        audio_frames: Binary frames with at least one byte.
        audio_bytes: Their bytes.
        audio_s: Seconds of audio they held, once decoded.
        empty_frames: Binary frames without any.
        gaps: Discontinuities of an embedded counter, if the emulator looks for one: (second, missing
            samples); the first 10000.
        audio: The bytes themselves, if the emulator keeps them; at most 256 MiB for all connections.
        digest: SHA-256 of all bytes.
        pings: WebSocket pings.
        messages: Text messages sent, all of them counted.
        sent_audio_bytes: Bytes of audio sent.
        lost: Messages a fault kept back.
        closed_by: ``client``, ``server`` or ``fault``; empty while open.
        close_code: 1005 without status, 1006 without a Close frame; None while open.
        close_reason: The Close frame's reason.
        ended_s: When it ended, in seconds of ``time.monotonic()``; None while open.
    """

    index: int
    endpoint: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    auth: str = ""
    request_id: str = ""
    status: int = 0
    texts: int = 0
    audio_frames: int = 0
    audio_bytes: int = 0
    audio_s: float = 0.0
    empty_frames: int = 0
    gaps: list[tuple[float, int]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    digest: Any = field(default_factory=hashlib.sha256, repr=False)
    pings: int = 0
    messages: int = 0
    sent_audio_bytes: int = 0
    lost: int = 0
    closed_by: str = ""
    close_code: int | None = None
    close_reason: str = ""
    ended_s: float | None = None
    _received: deque[_Timed] = field(default_factory=deque, repr=False)
    _sent: deque[_Timed] = field(default_factory=deque, repr=False)

    @property
    def received(self) -> list[Any]:
        """The text messages received, in order, parsed if they are JSON. All connections of an emulator keep
        64 MiB of text together; beyond that the oldest are gone.
        """
        return [_parsed(text) for _, text in list(self._received)]

    @property
    def sent(self) -> list[Any]:
        """The text messages sent, kept like those received."""
        return [_parsed(text) for _, text in list(self._sent)]

    @property
    def timeline(self) -> list[tuple[float, str, Any]]:
        """The text messages both ways in order: seconds of ``time.monotonic()``, ``received`` or ``sent``,
        and the message.
        """
        both = (("received", self._received), ("sent", self._sent))
        timed = [(at_s, way, text) for way, texts in both for at_s, text in list(texts)]
        return [(at_s, way, _parsed(text)) for at_s, way, text in sorted(timed, key=lambda entry: entry[0])]

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

    def note_gaps(self, gaps: list[tuple[float, int]]) -> None:
        """Note jumps of an embedded counter."""
        self.gaps += gaps[: _MAX_GAPS - len(self.gaps)]

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
        more = ("texts", "messages", "pings", "sent_audio_bytes", "lost")
        end = ("closed_by", "close_code", "close_reason")
        values = {name: getattr(self, name) for name in names + more + end}
        return values | {"audio_s": round(self.audio_s, 6), "gaps": len(self.gaps)}


class _Newest:
    """Limits the total size of texts in many lists by dropping the oldest.

    Texts are kept unparsed, since a parsed message takes up to twenty times as much memory.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lists: deque[deque[_Timed]] = deque()

    def keep(self, texts: deque[_Timed], text: str) -> None:
        """Append a text to its list, with the time."""
        texts.append((time.monotonic(), text))
        self._lists.append(texts)
        self._bytes += sys.getsizeof(text)
        while self._bytes > self._max_bytes:
            self._bytes -= sys.getsizeof(self._lists.popleft().popleft()[1])


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
        self._audio_bytes = self._head_bytes = 0
        self._texts = _Newest(_MAX_TEXT_BYTES)
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def arrive(self, endpoint: str, query: list[tuple[str, str]], headers: dict[str, str]) -> Connection:
        """Note a new connection; the oldest is forgotten beyond 10000, or 64 MiB of queries and headers."""
        connection = Connection(self.count, endpoint, query, headers)
        self.count += 1
        self.connections.append(connection)
        self._head_bytes += _head_bytes(connection)
        while len(self.connections) > _MAX_CONNECTIONS or self._head_bytes > _MAX_TEXT_BYTES:
            self._forget(self.connections.pop(0))
        return connection

    def opened(self, connection: Connection) -> None:
        """Log the answer to the upgrade."""
        self._log(connection, "upgrade", {"query": connection.query, **connection.summary()})

    def text(self, connection: Connection, text: str) -> None:
        """Note a text frame."""
        connection.texts += 1
        self._texts.keep(connection._received, text)
        if self._file:
            fields = {"message": _parsed(text), "audio_s": round(connection.audio_s, 6)}
            try:
                self._log(connection, "text", fields)
            except RecursionError:  # it could be read, but not be written
                self._log(connection, "text", fields | {"message": text})

    def message(self, connection: Connection, text: str) -> None:
        """Note a text frame that was sent."""
        connection.messages += 1
        self._texts.keep(connection._sent, text)

    def binary(self, connection: Connection, data: bytes) -> None:
        """Note a binary frame."""
        if not data:
            connection.empty_frames += 1
        else:
            connection.audio_frames += 1
            connection.audio_bytes += len(data)
            connection.digest.update(data)
        if self._keep_audio and connection.index >= self.connections[0].index:
            kept = data[: _MAX_AUDIO_BYTES - self._audio_bytes]
            connection.audio += kept
            self._audio_bytes += len(kept)
        self._log(connection, "binary", {"bytes": len(data)})

    def closed(self, connection: Connection, by: str, code: int, reason: str) -> None:
        """Note the end; only the first counts."""
        if connection.close_code is not None:
            return
        connection.closed_by, connection.close_code, connection.close_reason = by, code, reason
        connection.ended_s = time.monotonic()
        self._log(connection, "close", connection.summary())

    def close(self) -> None:
        """End the log."""
        if self._file:
            self._file.close()
            self._file = None

    def _forget(self, connection: Connection) -> None:
        self._head_bytes -= _head_bytes(connection)
        self._audio_bytes -= len(connection.audio)

    def _log(self, connection: Connection, event: str, fields: dict[str, Any]) -> None:
        if self._file:
            head = {"time": round(time.time(), 6), "connection": connection.index, "event": event}
            self._write(json.dumps(head | fields) + "\n")

    def _write(self, line: str) -> None:
        assert self._file
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:  # a failing log must not affect clients
            _log.error("the journal %s ends here: %s", self._file.name, error.strerror)
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # closing writes what is left
                file.close()


def _parsed(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


def _head_bytes(connection: Connection) -> int:
    pairs = [*connection.query, *connection.headers.items()]
    return sum(sys.getsizeof(name) + sys.getsizeof(value) for name, value in pairs)
