"""The four streaming endpoints."""

from __future__ import annotations

import enum

__all__ = ["Path"]


class Path(enum.StrEnum):
    """An endpoint by the path of its URL."""

    LISTEN_V1 = "/v1/listen"
    LISTEN_V2 = "/v2/listen"
    SPEAK_V1 = "/v1/speak"
    SPEAK_V2 = "/v2/speak"

    @property
    def listens(self) -> bool:
        """Whether audio goes up and text comes down."""
        return self in (Path.LISTEN_V1, Path.LISTEN_V2)
