"""Every exception speechwire raises.

::

    SpeechwireError                     retryable: may the same call succeed later?
    ├── InvalidArgument (ValueError)    an argument is out of its allowed range
    ├── InvalidArgumentType (TypeError) an argument has the wrong type
    ├── EngineUnavailable               the audio engine asked for cannot be loaded
    ├── LocalProtocolError              the caller did what the protocol's state forbids
    ├── SessionClosed                   a session was used after it had been closed
    ├── ConnectFailed                   no connection: DNS, TCP, TLS, a proxy, the deadline
    ├── HandshakeRefused                the upgrade was answered by HTTP alone: an error, a page
    ├── ConnectionLost                  an open connection ended before its work was done
    ├── ServiceError                    the service reported an error on an open connection
    └── InternalError                   speechwire itself failed: a bug, please report it   (retryable)

Local misuse and remote misbehaviour are different exceptions, as in h11: the first is a bug to fix, the
second a fact of life to handle. No message ever contains the API key.
"""

from __future__ import annotations

__all__ = [
    "ConnectFailed",
    "ConnectionLost",
    "EngineUnavailable",
    "HandshakeRefused",
    "InternalError",
    "InvalidArgument",
    "InvalidArgumentType",
    "LocalProtocolError",
    "ServiceError",
    "SessionClosed",
    "SpeechwireError",
]

_RETRYABLE_STATUS = frozenset({408, 425, 429})


class SpeechwireError(Exception):
    """Base of every exception of this package."""

    retryable: bool = False
    """Whether the same call may succeed later without any change by the caller."""

    def __reduce__(self) -> tuple[object, ...]:
        # An exception with arguments of its own would be made anew from its message, and fail.
        return (_made_anew, (type(self), self.args, vars(self)))


class InvalidArgument(SpeechwireError, ValueError):
    """An argument is out of its allowed range.

    Args:
        argument: Name of the argument as the caller wrote it.
        value: What came.
        allowed: What was expected, as a phrase: ``"4000 to 192000 Hz"``.
    """

    def __init__(self, argument: str, value: object, allowed: str) -> None:
        super().__init__(f"{argument} must be {allowed}, got {value!r}")
        self.argument = argument
        self.value = value
        self.allowed = allowed


class InvalidArgumentType(SpeechwireError, TypeError):
    """An argument has the wrong type.

    Args:
        argument: Name of the argument as the caller wrote it.
        value: What came; only its type is shown, since it may be large or secret.
        expected: What was expected, as a phrase: ``"an int"``.
    """

    def __init__(self, argument: str, value: object, expected: str) -> None:
        super().__init__(f"{argument} must be {expected}, got {type(value).__name__}")
        self.argument = argument
        self.value = value
        self.expected = expected


class EngineUnavailable(SpeechwireError, ImportError):
    """The audio engine asked for is not installed, or is installed and broken."""


class LocalProtocolError(SpeechwireError):
    """The caller did what the protocol's state forbids, such as audio after ``CloseStream``."""


class SessionClosed(SpeechwireError):
    """A session was used after it had been closed."""


class ConnectFailed(SpeechwireError):
    """No connection could be made: DNS, TCP, TLS, a proxy, or the connect deadline.

    Args:
        url: Where to, without its query (which may name customers' terms).
        cause: What went wrong, in words.
        retryable: False where the same attempt would end the same way: a certificate that is not trusted, a
            proxy that refuses us.
    """

    def __init__(self, url: str, cause: str, *, retryable: bool = True) -> None:
        super().__init__(f"could not connect to {url}: {cause}")
        self.url = url
        self.cause = cause
        self.retryable = retryable


class HandshakeRefused(SpeechwireError):
    """The service, or something before it, answered the WebSocket upgrade with no WebSocket.

    Args:
        status: HTTP status code. Retryable are 408, 425, 429, 5xx and 2xx, which the service does not send.
        body: The response body, decoded and cut to a readable length.
        dg_error: The ``dg-error`` response header, if any.
        request_id: The ``dg-request-id`` response header, if any: what Deepgram's support asks for.
    """

    def __init__(
        self, status: int, body: str = "", *, dg_error: str | None = None, request_id: str | None = None
    ) -> None:
        detail = dg_error or body or "no reason given"
        super().__init__(f"the service refused the connection (HTTP {status}): {detail}{_suffix(request_id)}")
        self.status = status
        self.body = body
        self.dg_error = dg_error
        self.request_id = request_id
        # Success is no refusal: a page of something in between, which may soon be gone.
        self.retryable = status < 300 or status >= 500 or status in _RETRYABLE_STATUS


class ConnectionLost(SpeechwireError):
    """An open connection ended before its work was done.

    Args:
        code: WebSocket close code; 1005 without a status, 1006 without a close frame.
        reason: The close frame's reason, often with Deepgram's own code (``NET-0001``).
        request_id: The connection's ``dg-request-id``, if known.
        retryable: Whether a new connection can help (deepgram-protocol, section 6).
    """

    def __init__(
        self, code: int, reason: str = "", *, request_id: str | None = None, retryable: bool = True
    ) -> None:
        detail = f" {reason}" if reason else ""
        super().__init__(f"the connection was lost (close code {code}){detail}{_suffix(request_id)}")
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.retryable = retryable


class ServiceError(SpeechwireError):
    """The service reported an error on an open connection.

    Args:
        code: Deepgram's code, such as ``INTERNAL_SERVER_ERROR``; empty if it gave none.
        description: The service's own words.
        request_id: The connection's ``dg-request-id``, if known.
        retryable: Whether a new connection can help.
    """

    def __init__(
        self, code: str, description: str = "", *, request_id: str | None = None, retryable: bool = False
    ) -> None:
        words = " ".join(part for part in (code, description) if part) or "unknown error"
        super().__init__(f"the service reported an error: {words}{_suffix(request_id)}")
        self.code = code
        self.description = description
        self.request_id = request_id
        self.retryable = retryable


class InternalError(SpeechwireError):
    """Something in speechwire failed that should not: a bug. The session goes on with a new connection.

    Args:
        fault: What was raised; it is kept as ``__cause__`` and only its type is shown, since its words may
            hold a secret.
    """

    retryable = True

    def __init__(self, fault: BaseException) -> None:
        super().__init__(f"speechwire itself failed ({type(fault).__name__}); please report it")
        self.__cause__ = fault


def _made_anew(
    kind: type[SpeechwireError], args: tuple[object, ...], state: dict[str, object]
) -> SpeechwireError:
    """An exception as it was, from a pickle or for a copy."""
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error


def _suffix(request_id: str | None) -> str:
    return f" [request {request_id}]" if request_id else ""
