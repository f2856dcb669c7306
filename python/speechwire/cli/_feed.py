"""An input read in the background, for an event loop: reading a pipe may block for hours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from speechwire.cli._audio import AudioReader
from speechwire.cli._audio_in import open_audio
from speechwire.cli._threads import Background

__all__ = ["Feed"]


class Feed:
    """Opens an input and reads it.

    Args:
        path: As for `open_audio`.

    Attributes:
        audio: The input, once it is open.

    Raises:
        InputError: On entering: it cannot be opened, or holds no audio that can be read.
    """

    audio: AudioReader

    def __init__(self, path: Path) -> None:
        self.path = path
        self._background = Background()

    async def __aenter__(self) -> Self:
        try:
            self.audio = await self._background.enter(open_audio(self.path))
        except BaseException as error:
            await self._background.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.__aexit__(kind, error, trace)

    async def blocks(self, block_s: float) -> AsyncIterator[bytes]:
        """Yield the audio in pieces of about this length.

        Raises:
            InputError: It cannot be read or decoded to its end.
        """
        pieces = self.audio.blocks(block_s)
        while block := await self._background.call(next, pieces, b""):
            yield block
