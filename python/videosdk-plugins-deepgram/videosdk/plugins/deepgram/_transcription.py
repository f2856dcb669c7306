"""A source of audio on its way into a session, for `stream_transcribe`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from speechwire.errors import SessionClosed

from ._input import InputWatch
from ._stream import Stream

__all__ = ["Feeding"]


class Feeding:
    """Pushes a source's audio into a session, in a task, and closes the session at the source's end.

    Args:
        stream: The session.
        first: The source's first audio.
        frames: The rest of it.
        input: Knows the format of each frame.
    """

    def __init__(self, stream: Stream, first: bytes, frames: AsyncIterator[bytes], input: InputWatch) -> None:
        self._stream = stream
        self._input = input
        self._at_end = False
        self._task = asyncio.create_task(self._run(first, frames))

    async def result(self) -> None:
        """Raise what the source has raised; return if it has ended, or the session before it."""
        if self._at_end:
            await self._task

    async def stop(self) -> None:
        """Take no more from the source."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, first: bytes, frames: AsyncIterator[bytes]) -> None:
        try:
            if self._push(first):
                async for frame in frames:
                    if frame and not self._push(frame):
                        break
        finally:
            self._at_end = True
            await self._stream.session.aclose()

    def _push(self, audio: bytes) -> bool:
        """Push audio; false if the session has ended: the reader of its events gets the reason."""
        try:
            self._stream.push(audio, self._input.format(len(audio)))
        except SessionClosed:
            return False
        return True
