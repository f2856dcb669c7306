"""What the two network transports have in common."""

from __future__ import annotations

from typing import Final

from speechwire.errors import ConnectFailed
from speechwire.transport.base import ConnectRequest, without_query

__all__ = ["BODY_BYTES", "CLOSE_TIMEOUT_S", "USER_AGENT", "failed"]

CLOSE_TIMEOUT_S: Final = 1.0
BODY_BYTES: Final = 4096  # of a refusal, kept to be shown
USER_AGENT: Final = "speechwire"


def failed(request: ConnectRequest, cause: str) -> ConnectFailed:
    """The error of a connection that could not be opened; without the query, which may hold private terms."""
    return ConnectFailed(without_query(request.url), cause)
