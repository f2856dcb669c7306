"""Speech recognition of one call: a session from the call's start on; its failure ends the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server._ears import Ears
from speechwire.server._ending import Ending
from speechwire.server.call import CallLogger
from speechwire.server.codec import AudioFormat

__all__ = ["Listening"]

_CHANGES_AT_ONCE: Final = 16
_SECONDS_A_CHANGE: Final = 2.0  # of audio; the filter for a new rate takes milliseconds, and all calls wait


class Listening:
    """Speech recognition of one call.

    Args:
        ears: The session; ``None`` before the call begins.
        log: The call's logger.
        finish: Ends the call.
    """

    __slots__ = ("_changes", "_ears", "_finish", "_log")

    def __init__(self, ears: Ears | None, log: CallLogger, finish: Callable[[Ending], None]) -> None:
        self._changes = 0
        self._ears = ears
        self._log = log
        self._finish = finish

    @property
    def is_complete(self) -> bool:
        """Whether all audio that came is covered by captions that were sent."""
        return self._ears is None or self._ears.is_complete

    def change_format(self, form: AudioFormat, audio_s: float) -> None:
        """The audio from here on, after `audio_s` seconds, has another format."""
        if self._ears is None:
            return
        self._changes += 1
        if self._changes > _CHANGES_AT_ONCE + audio_s / _SECONDS_A_CHANGE:
            self._finish(endings.limit("the format of the audio changes too often"))
            return
        try:
            self._ears.change_format(form)
        except SpeechwireError as error:
            self._finish(endings.malformed(str(error)))

    def end_turn(self) -> None:
        """The caller says that its turn is over."""
        if self._ears is not None:
            with suppress(SpeechwireError):
                self._ears.end_turn()

    async def run(self) -> None:
        """Listen to the end."""
        if self._ears is None:
            return
        try:
            await self._ears.listen()
        except SpeechwireError as error:
            self._log.error("listening failed: %s", error)
            self._finish(endings.service("the speech service cannot be used"))

    async def end(self, running: asyncio.Task[None], *, comes_back: bool) -> None:
        """Take the last results, and end the session.

        A caller who comes back repeats its open turn there: results that were forced here would cut the turn
        in two, so none are asked for.

        Args:
            running: The task of :meth:`run`.
            comes_back: Whether the caller does.
        """
        if comes_back and self._ears is not None:
            running.cancel()
            await self._ears.abandon()
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for the last results, and end the session. Idempotent."""
        if self._ears is not None:
            await self._ears.aclose()
