"""Parses HTTP responses, for connections on which no library does."""

from __future__ import annotations

import http.client
import io
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Answer", "is_informational", "parsed_answer", "without_informational"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?")
_SIZE: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: The status code.
        phrase: The reason phrase.
        headers: The headers by name, in any case.
        body: The part of the body that has come.
    """

    status: int
    phrase: str
    headers: http.client.HTTPMessage
    body: bytes


def parsed_answer(head: bytes | None, body: bytes | None) -> Answer | None:
    """Parse the head and body of an answer; return ``None`` if it is not HTTP."""
    line, _, fields = (head or b"").partition(b"\r\n")
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        return None
    try:
        headers = http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
    except http.client.HTTPException:  # too many headers, or one that is too long
        headers = http.client.HTTPMessage()
    return Answer(int(found[1]), (found[2] or b"").decode("latin-1"), headers, _own(headers, body or b""))


def is_informational(status: int) -> bool:
    """Whether a status is informational (RFC 9110, 15.2), so that another response follows; 101 is final."""
    return 100 <= status < 200 and status != 101


def without_informational(data: bytes) -> bytes:
    """The data after all complete informational responses."""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        found = _STATUS_LINE.fullmatch(head.partition(b"\r\n")[0]) if end else None
        if found is None or not is_informational(int(found[1])):
            return data
        data = rest


def _own(headers: http.client.HTTPMessage, body: bytes) -> bytes:
    """The body without the bytes after it."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return _joined(body)
    size = _SIZE.fullmatch(headers.get("Content-Length", ""))
    return body[: int(size[0])] if size else body


def _joined(body: bytes) -> bytes:
    """The content of a chunked body, as far as it has come (RFC 9112, 7.1)."""
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            break
        if length <= 0:
            break
        joined, body = joined + rest[:length], rest[length + 2 :]
    return joined
