"""Speaks a text with a session, and reports what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import accumulate

from speechwire.cli._display import Bar, Display
from speechwire.cli._patience import SPEAK_SETTINGS
from speechwire.cli._service import Access
from speechwire.protocol import SpeakV1Options, SpeakV2Options, character_limit, split_text
from speechwire.protocol.limits import CHARACTERS
from speechwire.session import Reconnecting, SpeakSession

__all__ = ["Allowance", "Speaking"]

_LOOK_S = 0.25
_WORTH_TELLING_S = 2.0


class Allowance:
    """Computes how long a text must wait, since Aura limits the characters per minute.

    The session itself waits; this repeats its computation to report it.

    Args:
        text: All of it.
    """

    def __init__(self, text: str) -> None:
        self._ends = list(accumulate(len(piece) for piece in split_text(text)))
        self._limit = character_limit()
        self._sent = 0

    def wait_s(self, now: float, sent: int) -> float:
        """Seconds to wait at `now` after `sent` characters were sent; 0 for no wait."""
        self._limit.add(now, sent - self._sent)
        self._sent = max(sent, self._sent)
        following = next((end for end in self._ends if end > sent), None)
        return 0.0 if following is None else self._limit.wait_s(now, following - sent)


class Speaking:
    """Speaks one text.

    Args:
        text: With words in it.
        options: The voice.
        access: To the service.
        display: Shows what the command waits for.
    """

    def __init__(
        self, text: str, options: SpeakV1Options | SpeakV2Options, access: Access, display: Display
    ) -> None:
        self._text = text
        self._rate = options.output_rate
        self._limited = isinstance(options, SpeakV1Options)
        self._display = display
        self._caption = ""
        self._session = SpeakSession(
            access.api_key,
            options,
            base_url=access.base_url,
            settings=SPEAK_SETTINGS,
            on_retry=self._tell_retry,
        )

    async def into(self, write: Callable[[bytes], Awaitable[object]], bar: Bar) -> None:
        """Have the audio written piece by piece; the bar counts characters of the text.

        Raises:
            SpeechwireError: It cannot be spoken to its end.
            OSError: It cannot be written.
        """
        async with self._session as session:
            request = session.speak(self._text)
            watching = asyncio.create_task(self._watch(bar))
            try:
                async for pcm in request:
                    self._show(bar, request.audio_bytes)
                    await write(pcm)
            finally:
                watching.cancel()
                await asyncio.wait({watching})

    def _sent(self) -> int:
        return min(self._session.stats().characters, len(self._text))

    async def _watch(self, bar: Bar) -> None:
        """Say what is waited for, again and again for a person, once for a log."""
        allowance, told_until = Allowance(self._text), 0.0
        loop = asyncio.get_running_loop()
        while self._limited:
            wait_s = allowance.wait_s(loop.time(), self._sent())
            words = f"waiting {wait_s:.0f} s: {CHARACTERS:,} characters a minute"
            bar.caption(words if wait_s > 0 else self._caption)
            new = wait_s >= _WORTH_TELLING_S and loop.time() >= told_until
            if new and not self._display.shows_bars:
                self._display.note(words)
                told_until = loop.time() + wait_s
            await asyncio.sleep(_LOOK_S)

    def _show(self, bar: Bar, audio_bytes: int) -> None:
        self._caption = f"{audio_bytes / 2 / self._rate:.0f} s of speech"
        bar.reach(self._sent(), f"{self._sent():,} of {len(self._text):,}")

    def _tell_retry(self, event: Reconnecting) -> None:
        self._caption = f"trying again: {event.error}"
