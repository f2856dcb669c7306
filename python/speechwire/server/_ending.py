"""Why a call ends, and the messages that tell the caller."""

from __future__ import annotations

from dataclasses import dataclass

from speechwire.server.codec import Failure, Goodbye

__all__ = ["Ending"]

_LONGEST_REASON = 120


@dataclass(frozen=True, slots=True)
class Ending:
    """One reason for the end of a call.

    Attributes:
        code: ``done``, ``hung_up``, ``disconnected``, ``closing`` or a code of
            :class:`speechwire.server.codec.Failure`.
        words: The reason in words, for a person.
        close_code: The WebSocket close code.
        retry_after_s: Seconds after which the caller may try again.
    """

    code: str
    words: str = ""
    close_code: int = 1000
    retry_after_s: float | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the caller gets a `Failure`."""
        return self.close_code not in (1000, 1001)

    @property
    def failure(self) -> Failure:
        """The `Failure` to send."""
        return Failure(code=self.code, description=self.words, retryable=self.retry_after_s is not None)

    @property
    def goodbye(self) -> Goodbye:
        """The `Goodbye` to send."""
        return Goodbye(
            code=self.close_code,
            reason=self.words.encode()[:_LONGEST_REASON].decode(errors="ignore"),
            retry_after_s=self.retry_after_s,
        )


def malformed(reason: str) -> Ending:
    """The caller sent too many messages that could not be understood."""
    return Ending("malformed", f"too many messages that mean nothing; the last: {reason}", 1008)


def limit(words: str) -> Ending:
    """The call reached a limit."""
    return Ending("limit", words, 1008)


def service(words: str) -> Ending:
    """The service cannot be used, and trying again does not help."""
    return Ending("service", words, 1011)


HUNG_UP = Ending("hung_up", "the caller has hung up")
DISCONNECTED = Ending("disconnected", "the caller's connection was lost")
DONE = Ending("done", "")
IDLE = Ending("idle", "nothing came for too long", 1008)
NO_START = Ending("idle", "no start message came in time", 1008)
SLOW_READER = Ending("slow_reader", "what was sent was not read", 1008, retry_after_s=1.0)
APPLICATION = Ending("application", "the application failed", 1011)
INTERNAL = Ending("internal", "the server failed", 1011, retry_after_s=1.0)
UNFINISHED = Ending("unfinished", "the last results did not come in time", 1013, retry_after_s=0.0)
CLOSING = Ending("closing", "the server is going away", 1001, retry_after_s=0.0)
BUSY = Ending("busy", "no place became free in time", 1013, retry_after_s=5.0)
