"""The texts of one audio context on their way to audio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from speechwire.session import SpeakRequest, SpeakSession

__all__ = ["FlushBudget", "Utterance"]

_EARLY_FLUSHES: Final = 14
_WINDOW_S: Final = 60.0


class FlushBudget:
    """How often a text may be spoken before the reply is complete.

    Aura speaks at a flush and takes 20 in a minute, so that some are left for the ends of replies.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: deque[float] = deque()

    def take(self, *, needed: bool) -> bool:
        """Whether a text may be spoken now; one that is needed always may."""
        now = self._clock()
        while self._used and now - self._used[0] >= _WINDOW_S:
            self._used.popleft()
        allowed = needed or len(self._used) < _EARLY_FLUSHES
        if allowed:
            self._used.append(now)
        return allowed


class Utterance:
    """One audio context: the first text is spoken at once, and what comes meanwhile in one go after it.

    Args:
        session: Speaks.
        budget: Of the session.

    Attributes:
        session: As given.
        request: What is spoken now.
        task: Whoever reads the audio.
        interrupted: Whether it is to be silent.
    """

    def __init__(self, session: SpeakSession, budget: FlushBudget) -> None:
        self.session = session
        self.request: SpeakRequest | None = None
        self.task: asyncio.Task[None] | None = None
        self.interrupted = False
        self._budget = budget
        self._texts: list[str] = []
        self._ended = False
        self._changed = asyncio.Event()

    def push(self, text: str) -> None:
        """Append text."""
        self._texts.append(text)
        self._changed.set()

    def end(self) -> None:
        """No text will follow."""
        self._ended = True
        self._changed.set()

    def interrupt(self) -> None:
        """Be silent from now on."""
        self.interrupted = True
        self._texts.clear()
        self.end()
        if self.request is not None:
            self.request.interrupt()

    async def ended(self) -> None:
        """Wait until no text will follow; what comes until then is not spoken."""
        while not self._ended:
            self._changed.clear()
            await self._changed.wait()

    async def next_text(self) -> str | None:
        """Wait for text that is to be spoken; None when there is no more."""
        while not self._ended and not (self._texts and self._budget.take(needed=False)):
            self._changed.clear()
            await self._changed.wait()
        if not self._texts:
            return None
        if self._ended:
            self._budget.take(needed=True)
        text, self._texts = "".join(self._texts), []
        return text
