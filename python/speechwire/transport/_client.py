"""Shared by the two network transports: deadlines and errors of a connection attempt."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from speechwire.errors import ConnectFailed, HandshakeRefused, InvalidArgumentType, SpeechwireError
from speechwire.transport._secret import Redactor
from speechwire.transport.base import ABNORMAL, NO_STATUS, CloseEvent, ConnectRequest, without_query

__all__ = [
    "BODY_BYTES",
    "BODY_TIMEOUT_S",
    "CLOSE_TIMEOUT_S",
    "CUT_SHORT",
    "NO_CLOSE_FRAME",
    "NO_PONG",
    "USER_AGENT",
    "attempted",
    "checked_tls",
    "default_tls",
    "failed",
    "refused",
    "shown",
    "told",
    "unreachable",
    "words",
]

ConnectionT = TypeVar("ConnectionT")

CLOSE_TIMEOUT_S: Final = 1.0
BODY_BYTES: Final = 4096  # of a refusal, kept to be shown
BODY_TIMEOUT_S: Final = 1.0  # to wait for all of it; the status is what counts
USER_AGENT: Final = "speechwire"
CUT_SHORT: Final = "the connection ended during the handshake"
NO_PONG: Final = "the peer did not answer a ping"
NO_CLOSE_FRAME: Final = "the connection ended without a close frame"

_CAUSE_CHARACTERS: Final = 300
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LEGAL_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


class Headers(Protocol):
    """Headers by name, whatever the case."""

    def get(self, name: str, /) -> str | None:
        """The value, if there is one."""


async def attempted(
    request: ConnectRequest,
    opening: Callable[[], Awaitable[ConnectionT]],
    explain: Callable[[Exception], SpeechwireError],
) -> ConnectionT:
    """Open a connection within the deadline; convert every exception to a `SpeechwireError`.

    Args:
        request: The request, with its deadline.
        opening: Opens the connection.
        explain: Converts an exception of a library.
    """
    failure: BaseException
    deadline = asyncio.timeout(request.connect_timeout_s)
    try:
        async with deadline:
            return await opening()
    except SpeechwireError as error:
        failure = error
    except Exception as error:
        late = f"no answer within {request.connect_timeout_s:g} s"
        failure = failed(request, late) if deadline.expired() else explain(error)
    except BaseException as error:  # cancelled
        failure = error
    # Raise without context, cause and traceback: a library's frames and exceptions hold the request's
    # headers, and so the key.
    failure.__context__ = failure.__cause__ = failure.__traceback__ = None
    raise failure


def failed(request: ConnectRequest, cause: str, *, retryable: bool = True) -> ConnectFailed:
    """Make the error of a connection that could not be opened, without the query, which may be private."""
    return ConnectFailed(without_query(request.url), cause, retryable=retryable)


def refused(
    request: ConnectRequest, status: int, headers: Headers, body: bytes, redact: Redactor
) -> HandshakeRefused:
    """Make the error of an upgrade that got another response.

    Redirects are not followed: they would send the key and the audio to another host.
    """
    location = headers.get("Location") if status in _REDIRECTS else None
    text = body[:BODY_BYTES].decode("utf-8", "replace").strip()
    return HandshakeRefused(
        status,
        redact(text if location is None else _no_redirect(request.url, location)),
        dg_error=redact.optional(headers.get("dg-error")),
        request_id=redact.optional(headers.get("dg-request-id")),
    )


def _no_redirect(url: str, location: str) -> str:
    try:
        target = urlsplit(urljoin(url, location))
        place = without_query(target._replace(path="").geturl())
    except ValueError:
        place = "an invalid URL"
    return f"a redirect to {place}, and redirects are not followed"


def unreachable(request: ConnectRequest, error: Exception, redact: Redactor) -> ConnectFailed:
    """Make the error of a network failure; it is retryable unless a certificate is not trusted."""
    if isinstance(error, ssl_module.SSLCertVerificationError):
        cause = f"the certificate is not trusted: {error.verify_message or error.reason}"
        return failed(request, shown(cause, redact), retryable=False)
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return failed(request, CUT_SHORT)
    return failed(request, words(error, redact))


def words(error: Exception, redact: Redactor) -> str:
    """Describe an error on one line, without secrets.

    Of an exception that the network did not cause only the name is shown: its text may contain a header.
    """
    text = str(error) if isinstance(error, OSError) else ""
    return shown(f"{type(error).__name__}: {text}" if text else type(error).__name__, redact)


def shown(text: str, redact: Redactor) -> str:
    """A peer's text on one line, without secrets and limited in length."""
    line = "".join(character if character.isprintable() else " " for character in redact(text))
    return line[:_CAUSE_CHARACTERS]


def told(code: int | None, reason: str, redact: Redactor) -> CloseEvent:
    """The `CloseEvent` of a close frame; `ABNORMAL` for a code that is not allowed there (RFC 6455, 7.4)."""
    if code is None:
        return CloseEvent(NO_STATUS)
    if code not in _LEGAL_CLOSE_CODES:
        return CloseEvent(ABNORMAL, f"the peer closed with the illegal code {code}")
    return CloseEvent(code, redact(reason))


def checked_tls(context: object) -> ssl_module.SSLContext | None:
    """Check the argument ``ssl`` of a transport.

    Raises:
        InvalidArgumentType: It is not an `ssl.SSLContext`.
    """
    if context is None or isinstance(context, ssl_module.SSLContext):
        return context
    raise InvalidArgumentType("ssl", context, "an ssl.SSLContext or None")


def default_tls() -> ssl_module.SSLContext:
    """The system's certificate authorities, verified. Reading them takes 10 ms and more."""
    context = ssl_module.create_default_context()
    context.set_alpn_protocols(["http/1.1"])  # this kind of upgrade does not exist in HTTP/2
    return context
