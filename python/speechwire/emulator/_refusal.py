"""A refused upgrade: status, body and headers ("Deepgram docs: errors")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from speechwire.emulator._messages import Message

__all__ = ["Refusal"]

_WORDS = {
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: (
        "ASR_PAYMENT_REQUIRED",
        "Project does not have enough credits for an ASR request and does not have overages.",
    ),
    403: ("INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
    503: ("Service Unavailable", "The service is temporarily unavailable."),
}


class Refusal(Exception):
    """Why an upgrade is answered with an HTTP error.

    Args:
        status: HTTP status.
        code: Deepgram's code.
        text: Its sentence; also the ``dg-error`` header.
        shape: Which of the three documented bodies carries it.
        headers: Headers of its own.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        text: str = "",
        shape: Literal["legacy", "modern", "flux"] = "legacy",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        default_code, default_text = _WORDS.get(status, ("Bad Request", "Bad Request"))
        super().__init__(text or default_text)
        self.status = status
        self.code = code or default_code
        self.text = text or default_text
        self.shape = shape
        self.headers = headers or {}

    @classmethod
    def bad_query(cls, detail: str) -> Refusal:
        """A parameter that cannot be read."""
        return cls(
            400, "INVALID_QUERY_PARAMETER", f"Failed to deserialize query parameters: {detail}", "modern"
        )

    def body(self, request_id: str) -> Message:
        """The JSON body."""
        if self.shape == "flux":
            return {"code": self.code, "description": self.text}
        if self.shape == "modern":
            details = "Check the request documentation"
            return {"category": self.code, "message": self.text, "details": details, "request_id": request_id}
        return {"err_code": self.code, "err_msg": self.text, "request_id": request_id}
