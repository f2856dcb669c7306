"""What the end of a session means for the next one: at once, after a delay, or only with other options."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from speechwire.errors import (
    ConnectionLost,
    HandshakeRefused,
    LocalProtocolError,
    ServiceError,
    SessionClosed,
    SpeechwireError,
)

from ._adapt import logger

__all__ = ["Configuration", "Failures"]

# A session that fails is followed by another at once; one that fails again, by growing delays.
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 8.0
_UNAUTHORIZED = frozenset({401, 403})

Configuration = Mapping[str, Any]
"""What a session is made from. Two that are equal make the same."""


class Failures:
    """Decides whether another session may be begun, and counts the audio that none was there for.

    Args:
        name: Of the component, for the log.

    Attributes:
        ignored_s: Seconds of audio ignored so far.
        error: Why the last session ended.
    """

    def __init__(self, name: str) -> None:
        self.ignored_s = 0.0
        self.error: BaseException | None = None
        self._name = name
        self._refused: Configuration | None = None
        self._delay_s = 0.0
        self._not_before = 0.0
        self._is_ignoring = False

    def failed(
        self, error: BaseException, configuration: Configuration, *, worked: bool, renewable_key: bool = False
    ) -> None:
        """A session made from ``configuration`` has ended.

        Args:
            error: Why.
            configuration: What it was made from.
            worked: Whether it had brought any transcript.
            renewable_key: Whether the next session may have another key without any change here.
        """
        self.error = error
        if worked:
            self.worked()
        if _is_final(error, worked=worked, renewable_key=renewable_key):
            self._refused = configuration
            return
        self._not_before = asyncio.get_running_loop().time() + self._delay_s
        self._delay_s = min(_LONGEST_DELAY_S, max(_FIRST_DELAY_S, 2 * self._delay_s))

    def worked(self) -> None:
        """A session has brought a transcript."""
        self._delay_s = 0.0

    def refuses(self, configuration: Configuration) -> bool:
        """Whether a session from ``configuration`` would only fail again."""
        if self._refused is not None and self._refused != configuration:
            self.forget()
        return self._refused is not None

    def wait_s(self) -> float:
        """Seconds until another session may be begun; 0 for now."""
        return max(0.0, self._not_before - asyncio.get_running_loop().time()) if self._not_before else 0.0

    def forget(self) -> None:
        """Permit another session at once."""
        self._refused = None
        self._not_before = self._delay_s = 0.0

    def ignore(self, seconds: float) -> None:
        """Count audio that is ignored; said when it begins."""
        if not self._is_ignoring:
            self._is_ignoring = True
            until = (
                "its key or an option is changed" if self._refused is not None else "another session begins"
            )
            logger.error("%s ignores the audio until %s, because: %s", self._name, until, self.error)
        self.ignored_s += seconds

    def stop_ignoring(self) -> None:
        """Say how much was ignored, if any was."""
        if self._is_ignoring:
            self._is_ignoring = False
            logger.warning("%s has ignored %.1f s of audio so far", self._name, self.ignored_s)


def _is_final(error: BaseException, *, worked: bool, renewable_key: bool) -> bool:
    """Whether a session like the one that ended with ``error`` could only end in the same way."""
    if isinstance(error, HandshakeRefused) and error.status in _UNAUTHORIZED:
        return not renewable_key
    if isinstance(error, (SessionClosed, LocalProtocolError)):
        return False  # a cancelled task, another event loop
    if isinstance(error, (ServiceError, ConnectionLost)):
        return not error.retryable and not worked
    return not (isinstance(error, SpeechwireError) and error.retryable)
