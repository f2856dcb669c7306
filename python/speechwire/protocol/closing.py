"""Classifies the end of a connection.

Deepgram docs: errors, stt-troubleshooting-websocket-data-and-net-errors,
tts-troubleshooting-websocket-net-and-data-errors.

The service gives the cause in up to three places; the first of these is used: a fatal ``Error`` message,
Deepgram's code in the close frame's reason (as ``NET-0001`` or in a link ending in ``net0001``), the close
frame's code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from speechwire.errors import ConnectionLost, ServiceError, SpeechwireError
from speechwire.protocol._paths import Path
from speechwire.protocol.events import Closed, EndKind

__all__ = ["BY_CLOSE_CODE", "BY_DEEPGRAM_CODE", "ON_LISTEN", "ON_SPEAK", "classify", "kind_of"]

BY_DEEPGRAM_CODE: Mapping[str, EndKind] = {
    "BIG-0000": EndKind.PERMANENT,
    "BIG-0001": EndKind.PERMANENT,
    "DATA-0000": EndKind.PERMANENT,
    "DATA-0001": EndKind.PERMANENT,
    "DATA-0002": EndKind.PERMANENT,
    "MESSAGE-0000": EndKind.PERMANENT,
    "NET-0000": EndKind.TRANSIENT,
    "NET-0001": EndKind.TRANSIENT,
    "NET-0002": EndKind.TRANSIENT,
    "NET-0003": EndKind.ROTATION,
    "NET-0004": EndKind.IDLE,
    "INACTIVE_CLIENT": EndKind.IDLE,
    "INTERNAL_SERVER_ERROR": EndKind.TRANSIENT,
    "UNPARSABLE_CLIENT_MESSAGE": EndKind.PERMANENT,
}
"""Deepgram's own codes, in a close reason or in an ``Error``, unless the endpoint says otherwise."""

ON_LISTEN: Mapping[str, EndKind] = {"NET-0001": EndKind.IDLE}
"""No audio and no ``KeepAlive`` came; on the speak endpoints it means that receiving failed."""

ON_SPEAK: Mapping[str, EndKind] = {"DATA-0001": EndKind.THROTTLE}
"""Too many characters a minute."""

BY_CLOSE_CODE: Mapping[int, EndKind] = {
    1003: EndKind.PERMANENT,
    1007: EndKind.PERMANENT,
    1008: EndKind.PERMANENT,
    1009: EndKind.PERMANENT,
    1010: EndKind.PERMANENT,
}
"""Endings by close code, where the reason has no code of Deepgram's. Every other close code is transient: the
next connection may succeed, and the caller limits its attempts."""

_DEEPGRAM_CODE = re.compile(r"(?<![A-Za-z])(DATA|NET|BIG|MESSAGE)-?(\d{4})(?!\d)", re.IGNORECASE)

# Close codes that say nothing about the cause: normal, no status, no close frame.
_NEUTRAL_CODES = frozenset({1000, 1005, 1006})


def classify(
    path: Path,
    code: int,
    reason: str,
    *,
    asked: bool,
    delivered: bool | None,
    failure: ServiceError | None = None,
    request_id: str | None = None,
) -> Closed:
    """The last event of a connection.

    Args:
        path: The endpoint.
        code: WebSocket close code; 1005 without a status, 1006 without a close frame.
        reason: The close frame's reason.
        asked: Whether the client had sent ``CloseStream`` or ``Close``.
        delivered: Whether the service has shown that it delivered everything; ``None`` if that cannot be
            shown, so that the close code decides.
        failure: The ``Error`` message that came before; ``None`` without one.
        request_id: For the error's text.
    """
    if failure is not None:
        kind = kind_of(path, failure.code)
        error: SpeechwireError = ServiceError(
            failure.code, failure.description, request_id=request_id, retryable=kind is not EndKind.PERMANENT
        )
        return Closed(code=code, reason=reason, kind=kind, deepgram_code=failure.code or None, error=error)
    if _ended_as_asked(path, code, asked=asked, delivered=delivered):
        return Closed(code=code, reason=reason, kind=EndKind.SUCCESS)
    deepgram_code = _deepgram_code(reason)
    kind = kind_of(path, deepgram_code, code)
    error = ConnectionLost(code, reason, request_id=request_id, retryable=kind is not EndKind.PERMANENT)
    return Closed(code=code, reason=reason, kind=kind, deepgram_code=deepgram_code, error=error)


def kind_of(path: Path, deepgram_code: str | None, close_code: int = 1006) -> EndKind:
    """The kind of an ending that the client did not request; the close code decides for an unknown code."""
    own = ON_LISTEN if path.listens else ON_SPEAK
    name = deepgram_code or ""
    by_number = BY_CLOSE_CODE.get(close_code, EndKind.TRANSIENT)
    return own.get(name) or BY_DEEPGRAM_CODE.get(name) or by_number


def _ended_as_asked(path: Path, code: int, *, asked: bool, delivered: bool | None) -> bool:
    if not asked or delivered is False:
        return False
    if delivered:
        return code in _NEUTRAL_CODES
    # Flux answers CloseStream with a close frame without a status.
    return code == 1000 or (path is Path.LISTEN_V2 and code == 1005)


def _deepgram_code(reason: str) -> str | None:
    found = _DEEPGRAM_CODE.search(reason)
    return f"{found[1].upper()}-{found[2]}" if found else None
