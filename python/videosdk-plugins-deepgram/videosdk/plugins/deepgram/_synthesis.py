"""One text on its way to audio, and its interruption."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from videosdk.agents import FlushMarker

from speechwire.session import SpeakRequest, SpeakSession

from ._text import TextJoiner
from ._voices import Voices

__all__ = ["Synthesis", "Text"]

Text = AsyncIterator[str | FlushMarker] | str


class Synthesis:
    """One call of `synthesize` or `stream_synthesize`, from the call to its end, whatever it waits for.

    Attributes:
        interrupted: Whether it is to be silent from now on.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._request: SpeakRequest | None = None

    def interrupt(self) -> None:
        """Be silent from now on."""
        self.interrupted = True
        if self._request is not None:
            self._request.interrupt()

    @asynccontextmanager
    async def request(
        self, voices: Voices, session: SpeakSession, text: Text, patience: int
    ) -> AsyncGenerator[SpeakRequest]:
        """Ask for the audio of ``text``, which is pushed while it is still coming, for as long as the block.

        Args:
            voices: Keep what is left to do after an interruption.
            session: Speaks.
            text: The text, or its pieces.
            patience: How much of the text may be held back until it is known how to join it.
        """
        request = self._request = session.request()
        feeding: asyncio.Task[None] | None = None
        try:
            await _connected(session, request)
            feeding = asyncio.create_task(_feed(request, text, TextJoiner(patience)))
            yield request
            if feeding.done() or not request.interrupted:
                fed, feeding = feeding, None
                await fed  # raises what the text itself raised
        finally:
            request.interrupt()
            if feeding is not None:
                # Whoever makes the text may take its time to stop. Nobody waits for that.
                feeding.cancel()
                voices.keep(feeding)


async def _connected(session: SpeakSession, request: SpeakRequest) -> None:
    """Wait for the connection, or for the request's end if that comes first."""
    if session.connected:
        return
    waits = [asyncio.ensure_future(session.prewarm()), asyncio.ensure_future(request.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _feed(request: SpeakRequest, text: Text, joiner: TextJoiner) -> None:
    """Push the text's pieces; a failure of the text itself ends the request."""
    try:
        if isinstance(text, str):
            request.push(text)
        else:
            await _feed_pieces(request, text, joiner)
        request.end()
    except BaseException:
        request.interrupt()
        raise


async def _feed_pieces(
    request: SpeakRequest, pieces: AsyncIterator[str | FlushMarker], joiner: TextJoiner
) -> None:
    async for piece in pieces:
        if isinstance(piece, FlushMarker):
            request.push(joiner.settle())
            request.flush()
        else:
            request.push(joiner.add(piece))
    request.push(joiner.settle())
