"""Connections that are not read for a moment, because nothing that comes could be sent on yet.

A telephone sends 20 ms at a time, and the service gets 80 ms. What is read in between only waits. So a
connection is left alone until the frame that completes the next message should have come; then all that has
come is read at once. That takes a quarter of the reads. Audio waits as long as frames come unevenly, and
about a millisecond where they come evenly. Whatever else a provider says in the meantime, such as a digit, a
mark or the hang-up, comes up to 80 ms later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["Rests", "rest_after"]

_SLOT_S: Final = 0.001
_LEAST_FRAMES: Final = 3  # for fewer it does not pay
_IN_TIME: Final = 0.9


def rest_after(into_s: float, frame_s: float, message_s: float, since_s: float, late_s: float) -> float:
    """How long a connection may rest after a frame that has completed a message to the service.

    Args:
        into_s: The audio that has come of the next message.
        frame_s: The frame's length.
        message_s: The message's length.
        since_s: How long ago the message before was complete.
        late_s: How much later than usual the frame was read.

    Returns:
        Seconds; 0 unless the next message takes three frames or more, and the caller sends at the pace of its
        speech: one that is ahead is not held up.
    """
    if since_s < _IN_TIME * message_s:
        return 0.0
    frames = -((into_s - message_s) // frame_s)  # that are wanted, rounded up
    return max(0.0, frames * frame_s - late_s) if frames >= _LEAST_FRAMES else 0.0


class Rests:
    """The connections that rest: one timer for all that are to be read again in the same millisecond."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Callable[[], None]]] = {}

    def add(self, duration_s: float, resume: Callable[[], None]) -> None:
        """Call `resume` after so long, or up to 1 ms before."""
        loop = asyncio.get_running_loop()
        slot = int((loop.time() + duration_s) / _SLOT_S)
        waiting = self._slots.get(slot)
        if waiting is None:
            waiting = self._slots[slot] = []
            loop.call_at(slot * _SLOT_S, self._resume, slot)
        waiting.append(resume)

    def _resume(self, slot: int) -> None:
        for resume in self._slots.pop(slot):
            resume()
