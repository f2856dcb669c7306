"""``/v1/speak``: flushes and their answers, the limits per minute, and ``Clear``."""

from __future__ import annotations

from typing import Final

from speechwire.errors import ServiceError
from speechwire.protocol import EXCESSIVE_FLUSH, SpeakV1, SpeakV1Options, character_limit, flush_limit
from speechwire.protocol import speak_v1_events as speak
from speechwire.session._speak_rules import Finished, Meaning, Refused

__all__ = ["SpeakV1Rules"]

_WAITS_AFTER_REFUSAL_S: Final = (5.0, 10.0, 20.0, 40.0)
# With a longer wait for a flush, opening another connection is faster.
_WORTH_A_CONNECTION_S: Final = 1.0


class SpeakV1Rules:
    """The rules of ``/v1/speak``: audio comes after a flush and belongs to it.

    After ``Clear`` the next text may follow at once. The service handles messages in order, and the protocol
    discards everything that comes before ``Cleared``.
    """

    audio_needs_flush = True
    next_waits_for_stop = False

    def __init__(self, options: SpeakV1Options) -> None:
        self.protocol = SpeakV1(options)
        self._characters = character_limit()
        self._flushes = flush_limit()
        self._flush_index: int | None = None  # of the flush that waits for its answer
        self._refusals = 0
        self._flush_not_before = 0.0

    @property
    def stopping(self) -> bool:
        """Whether ``Clear`` waits for ``Cleared``."""
        return self.protocol.clearing

    def stop(self, heard_s: float | None) -> str:
        """Make ``Clear``, which has no field for `heard_s`."""
        self._flush_index = None
        return self.protocol.clear()

    def flush(self, now: float) -> str:
        """``Flush``."""
        self._flushes.add(now)
        self._flush_index = self.protocol.next_flush_index
        return self.protocol.flush()

    def read(self, event: speak.Event, now: float) -> Meaning:
        """Interpret an event."""
        match event:
            case speak.Audio():
                self._refusals = 0
                return event.data
            case speak.Flushed() if self._is_answer(event.flush_index):
                return Finished()
            case speak.Warning() if self._is_answer(event.flush_index):
                return Refused(self._refused(event, now))
        return None

    def text_wait_s(self, now: float, characters: int) -> float:
        """Seconds until `characters` may be sent."""
        return self._characters.wait_s(now, characters)

    def add_text(self, now: float, characters: int) -> None:
        """Count text that is sent."""
        self._characters.add(now, characters)

    def flush_wait_s(self, now: float) -> float:
        """Seconds until a flush may be sent."""
        return max(self._flush_not_before - now, self._flushes.wait_s(now))

    def used_up(self, now: float) -> bool:
        """Whether this connection's flushes are used up for long; the service counts for each connection."""
        return self._flushes.wait_s(now) > _WORTH_A_CONNECTION_S

    def _is_answer(self, flush_index: int | None) -> bool:
        if flush_index is None or flush_index != self._flush_index:
            return False
        self._flush_index = None
        return True

    def _refused(self, warning: speak.Warning, now: float) -> ServiceError | None:
        """Schedule another flush; after some attempts, return the error to give up with."""
        if self._refusals == len(_WAITS_AFTER_REFUSAL_S):
            return ServiceError(warning.code or EXCESSIVE_FLUSH, warning.description, retryable=True)
        self._flush_not_before = now + _WAITS_AFTER_REFUSAL_S[self._refusals]
        self._refusals += 1
        return None
