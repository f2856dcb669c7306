"""Converts errors of the core to the framework's, with status, request id and retryability."""

from __future__ import annotations

from livekit.agents import APIConnectionError, APIError, APIStatusError

from speechwire.errors import ConnectionLost, HandshakeRefused, ServiceError, SpeechwireError

__all__ = ["api_error"]


def api_error(error: SpeechwireError) -> APIError:
    """Return the framework's error for one of the core's.

    A refusal has its HTTP status, a lost connection its WebSocket close code, with Deepgram's own words as
    ``body``. Whether it is ``retryable`` is what the core says; the framework overrules it for 4xx.
    """
    words, retryable = str(error), error.retryable
    if isinstance(error, HandshakeRefused):
        return APIStatusError(
            words,
            status_code=error.status,
            request_id=error.request_id,
            body=error.dg_error or error.body or None,
            retryable=retryable,
        )
    if isinstance(error, ConnectionLost):
        return APIStatusError(
            words,
            status_code=error.code,
            request_id=error.request_id,
            body=error.reason or None,
            retryable=retryable,
        )
    if isinstance(error, ServiceError):
        body = {"code": error.code, "description": error.description}
        return APIError(words, body=body, retryable=retryable)
    return APIConnectionError(words, retryable=retryable)
