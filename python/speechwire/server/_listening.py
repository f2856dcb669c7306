"""The hearing of one call: nothing before the call is on, then a session, whose failure ends the call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server._ears import Ears
from speechwire.server._ending import Ending
from speechwire.server.call import CallLogger
from speechwire.server.codec import AudioFormat

__all__ = ["Listening"]


class Listening:
    """Hearing, once the call is on.

    Args:
        ears: ``None`` before.
        log: For this call.
        finish: Ends the call.
    """

    __slots__ = ("_ears", "_finish", "_log")

    def __init__(self, ears: Ears | None, log: CallLogger, finish: Callable[[Ending], None]) -> None:
        self._ears = ears
        self._log = log
        self._finish = finish

    @property
    def push(self) -> Callable[[bytes], None] | None:
        """Takes audio, and raises `SpeechwireError` where listening has failed or ended; ``None`` before."""
        return None if self._ears is None else self._ears.push

    @property
    def message_s(self) -> float:
        """See :attr:`Ears.message_s`; 0 before the call is on."""
        return 0.0 if self._ears is None else self._ears.message_s

    @property
    def is_complete(self) -> bool:
        """Whether everything that came was heard, and has been said."""
        return self._ears is None or self._ears.is_complete

    def change_format(self, form: AudioFormat) -> None:
        """The audio from here on has another format."""
        if self._ears is not None:
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

    async def abandon(self) -> None:
        """End the session without its last results: the caller comes back with what has none."""
        if self._ears is not None:
            await self._ears.abandon()

    async def aclose(self) -> None:
        """Take the last results, and end the session. Idempotent."""
        if self._ears is not None:
            await self._ears.aclose()
