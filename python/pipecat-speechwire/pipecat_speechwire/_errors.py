"""Converts errors of `speechwire` to Pipecat's."""

from __future__ import annotations

from pipecat.utils.errors import ErrorCategory, classify_http_status_code

from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InvalidArgument,
    InvalidArgumentType,
    ServiceError,
)

__all__ = ["category_of"]


def category_of(error: BaseException) -> ErrorCategory:
    """Return Pipecat's category of an error.

    A permanent one costs the service its usability. Wrong settings are the application's fault, and leave
    the service with those it had.
    """
    if isinstance(error, HandshakeRefused):
        return classify_http_status_code(error.status)
    if isinstance(error, (InvalidArgument, InvalidArgumentType)):
        return ErrorCategory.APPLICATION
    if isinstance(error, (ConnectFailed, ConnectionLost)):
        return ErrorCategory.CONNECTIVITY
    if isinstance(error, ServiceError):
        return ErrorCategory.SERVER if error.retryable else ErrorCategory.INVALID_REQUEST
    return ErrorCategory.UNKNOWN
